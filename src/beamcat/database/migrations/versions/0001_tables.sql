-- One table and one sequence for every entity, but for datafiles and their parameters.

CREATE SEQUENCE "account_id_seq" AS bigint;

CREATE TABLE "account" (
    id bigint NOT NULL DEFAULT nextval('"account_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "name" text COLLATE "C" NOT NULL,
    "password_hash" text COLLATE "C" NOT NULL,
    CONSTRAINT "account_pkey" PRIMARY KEY (id),
    CONSTRAINT "account_key" UNIQUE ("name"),
    CONSTRAINT "account_name_length" CHECK (char_length("name") <= 255),
    CONSTRAINT "account_password_hash_length" CHECK (char_length("password_hash") <= 511)
);

ALTER SEQUENCE "account_id_seq" OWNED BY "account".id;

CREATE SEQUENCE "affiliation_id_seq" AS bigint;

CREATE TABLE "affiliation" (
    id bigint NOT NULL DEFAULT nextval('"affiliation_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "full_reference" text COLLATE "C",
    "name" text COLLATE "C" NOT NULL,
    "pid" text COLLATE "C",
    "user_id" bigint NOT NULL,
    CONSTRAINT "affiliation_pkey" PRIMARY KEY (id),
    CONSTRAINT "affiliation_key" UNIQUE ("user_id", "name"),
    CONSTRAINT "affiliation_full_reference_length" CHECK (char_length("full_reference") <= 1023),
    CONSTRAINT "affiliation_name_length" CHECK (char_length("name") <= 255),
    CONSTRAINT "affiliation_pid_length" CHECK (char_length("pid") <= 255)
);

ALTER SEQUENCE "affiliation_id_seq" OWNED BY "affiliation".id;

CREATE SEQUENCE "application_id_seq" AS bigint;

CREATE TABLE "application" (
    id bigint NOT NULL DEFAULT nextval('"application_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "name" text COLLATE "C" NOT NULL,
    "version" text COLLATE "C" NOT NULL,
    "facility_id" bigint NOT NULL,
    CONSTRAINT "application_pkey" PRIMARY KEY (id),
    CONSTRAINT "application_key" UNIQUE ("facility_id", "name", "version"),
    CONSTRAINT "application_name_length" CHECK (char_length("name") <= 255),
    CONSTRAINT "application_version_length" CHECK (char_length("version") <= 255)
);

ALTER SEQUENCE "application_id_seq" OWNED BY "application".id;

CREATE SEQUENCE "data_collection_id_seq" AS bigint;

CREATE TABLE "data_collection" (
    id bigint NOT NULL DEFAULT nextval('"data_collection_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "doi" text COLLATE "C",
    CONSTRAINT "data_collection_pkey" PRIMARY KEY (id),
    CONSTRAINT "data_collection_doi_length" CHECK (char_length("doi") <= 255)
);

ALTER SEQUENCE "data_collection_id_seq" OWNED BY "data_collection".id;

CREATE SEQUENCE "data_collection_datafile_id_seq" AS bigint;

CREATE TABLE "data_collection_datafile" (
    id bigint NOT NULL DEFAULT nextval('"data_collection_datafile_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "data_collection_id" bigint NOT NULL,
    "datafile_id" bigint NOT NULL,
    CONSTRAINT "data_collection_datafile_pkey" PRIMARY KEY (id),
    CONSTRAINT "data_collection_datafile_key" UNIQUE ("data_collection_id", "datafile_id")
);

ALTER SEQUENCE "data_collection_datafile_id_seq" OWNED BY "data_collection_datafile".id;

CREATE SEQUENCE "data_collection_dataset_id_seq" AS bigint;

CREATE TABLE "data_collection_dataset" (
    id bigint NOT NULL DEFAULT nextval('"data_collection_dataset_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "data_collection_id" bigint NOT NULL,
    "dataset_id" bigint NOT NULL,
    CONSTRAINT "data_collection_dataset_pkey" PRIMARY KEY (id),
    CONSTRAINT "data_collection_dataset_key" UNIQUE ("data_collection_id", "dataset_id")
);

ALTER SEQUENCE "data_collection_dataset_id_seq" OWNED BY "data_collection_dataset".id;

CREATE SEQUENCE "data_collection_investigation_id_seq" AS bigint;

CREATE TABLE "data_collection_investigation" (
    id bigint NOT NULL DEFAULT nextval('"data_collection_investigation_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "data_collection_id" bigint NOT NULL,
    "investigation_id" bigint NOT NULL,
    CONSTRAINT "data_collection_investigation_pkey" PRIMARY KEY (id),
    CONSTRAINT "data_collection_investigation_key" UNIQUE ("data_collection_id", "investigation_id")
);

ALTER SEQUENCE "data_collection_investigation_id_seq" OWNED BY "data_collection_investigation".id;

CREATE SEQUENCE "data_collection_parameter_id_seq" AS bigint;

CREATE TABLE "data_collection_parameter" (
    id bigint NOT NULL DEFAULT nextval('"data_collection_parameter_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "date_time_value" timestamptz(3),
    "error" double precision,
    "numeric_value" double precision,
    "range_bottom" double precision,
    "range_top" double precision,
    "string_value" text COLLATE "C",
    "data_collection_id" bigint NOT NULL,
    "type_id" bigint NOT NULL,
    CONSTRAINT "data_collection_parameter_pkey" PRIMARY KEY (id),
    CONSTRAINT "data_collection_parameter_key" UNIQUE ("data_collection_id", "type_id"),
    CONSTRAINT "data_collection_parameter_string_value_length" CHECK (char_length("string_value") <= 4000)
);

ALTER SEQUENCE "data_collection_parameter_id_seq" OWNED BY "data_collection_parameter".id;

CREATE SEQUENCE "data_publication_id_seq" AS bigint;

CREATE TABLE "data_publication" (
    id bigint NOT NULL DEFAULT nextval('"data_publication_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "description" text COLLATE "C",
    "internal_id" text COLLATE "C",
    "pid" text COLLATE "C" NOT NULL,
    "publication_date" timestamptz(3),
    "subject" text COLLATE "C",
    "title" text COLLATE "C" NOT NULL,
    "content_id" bigint NOT NULL,
    "facility_id" bigint NOT NULL,
    "type_id" bigint,
    CONSTRAINT "data_publication_pkey" PRIMARY KEY (id),
    CONSTRAINT "data_publication_key" UNIQUE ("facility_id", "pid"),
    CONSTRAINT "data_publication_description_length" CHECK (char_length("description") <= 4000),
    CONSTRAINT "data_publication_internal_id_length" CHECK (char_length("internal_id") <= 255),
    CONSTRAINT "data_publication_pid_length" CHECK (char_length("pid") <= 255),
    CONSTRAINT "data_publication_subject_length" CHECK (char_length("subject") <= 1023),
    CONSTRAINT "data_publication_title_length" CHECK (char_length("title") <= 255)
);

ALTER SEQUENCE "data_publication_id_seq" OWNED BY "data_publication".id;

CREATE SEQUENCE "data_publication_date_id_seq" AS bigint;

CREATE TABLE "data_publication_date" (
    id bigint NOT NULL DEFAULT nextval('"data_publication_date_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "date" text COLLATE "C" NOT NULL,
    "date_type" text COLLATE "C" NOT NULL,
    "publication_id" bigint NOT NULL,
    CONSTRAINT "data_publication_date_pkey" PRIMARY KEY (id),
    CONSTRAINT "data_publication_date_key" UNIQUE ("publication_id", "date_type"),
    CONSTRAINT "data_publication_date_date_length" CHECK (char_length("date") <= 255),
    CONSTRAINT "data_publication_date_date_type_length" CHECK (char_length("date_type") <= 255)
);

ALTER SEQUENCE "data_publication_date_id_seq" OWNED BY "data_publication_date".id;

CREATE SEQUENCE "data_publication_funding_id_seq" AS bigint;

CREATE TABLE "data_publication_funding" (
    id bigint NOT NULL DEFAULT nextval('"data_publication_funding_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "data_publication_id" bigint NOT NULL,
    "funding_id" bigint NOT NULL,
    CONSTRAINT "data_publication_funding_pkey" PRIMARY KEY (id),
    CONSTRAINT "data_publication_funding_key" UNIQUE ("data_publication_id", "funding_id")
);

ALTER SEQUENCE "data_publication_funding_id_seq" OWNED BY "data_publication_funding".id;

CREATE SEQUENCE "data_publication_type_id_seq" AS bigint;

CREATE TABLE "data_publication_type" (
    id bigint NOT NULL DEFAULT nextval('"data_publication_type_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "description" text COLLATE "C",
    "name" text COLLATE "C" NOT NULL,
    "facility_id" bigint NOT NULL,
    CONSTRAINT "data_publication_type_pkey" PRIMARY KEY (id),
    CONSTRAINT "data_publication_type_key" UNIQUE ("facility_id", "name"),
    CONSTRAINT "data_publication_type_description_length" CHECK (char_length("description") <= 255),
    CONSTRAINT "data_publication_type_name_length" CHECK (char_length("name") <= 255)
);

ALTER SEQUENCE "data_publication_type_id_seq" OWNED BY "data_publication_type".id;

CREATE SEQUENCE "data_publication_user_id_seq" AS bigint;

CREATE TABLE "data_publication_user" (
    id bigint NOT NULL DEFAULT nextval('"data_publication_user_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "contributor_type" text COLLATE "C" NOT NULL,
    "email" text COLLATE "C",
    "family_name" text COLLATE "C",
    "full_name" text COLLATE "C",
    "given_name" text COLLATE "C",
    "order_key" text COLLATE "C",
    "publication_id" bigint NOT NULL,
    "user_id" bigint NOT NULL,
    CONSTRAINT "data_publication_user_pkey" PRIMARY KEY (id),
    CONSTRAINT "data_publication_user_key" UNIQUE ("publication_id", "user_id", "contributor_type"),
    CONSTRAINT "data_publication_user_contributor_type_length" CHECK (char_length("contributor_type") <= 255),
    CONSTRAINT "data_publication_user_email_length" CHECK (char_length("email") <= 255),
    CONSTRAINT "data_publication_user_family_name_length" CHECK (char_length("family_name") <= 255),
    CONSTRAINT "data_publication_user_full_name_length" CHECK (char_length("full_name") <= 255),
    CONSTRAINT "data_publication_user_given_name_length" CHECK (char_length("given_name") <= 255),
    CONSTRAINT "data_publication_user_order_key_length" CHECK (char_length("order_key") <= 255)
);

ALTER SEQUENCE "data_publication_user_id_seq" OWNED BY "data_publication_user".id;

CREATE SEQUENCE "datafile_format_id_seq" AS bigint;

CREATE TABLE "datafile_format" (
    id bigint NOT NULL DEFAULT nextval('"datafile_format_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "description" text COLLATE "C",
    "name" text COLLATE "C" NOT NULL,
    "type" text COLLATE "C",
    "version" text COLLATE "C" NOT NULL,
    "facility_id" bigint NOT NULL,
    CONSTRAINT "datafile_format_pkey" PRIMARY KEY (id),
    CONSTRAINT "datafile_format_key" UNIQUE ("facility_id", "name", "version"),
    CONSTRAINT "datafile_format_description_length" CHECK (char_length("description") <= 255),
    CONSTRAINT "datafile_format_name_length" CHECK (char_length("name") <= 255),
    CONSTRAINT "datafile_format_type_length" CHECK (char_length("type") <= 255),
    CONSTRAINT "datafile_format_version_length" CHECK (char_length("version") <= 255)
);

ALTER SEQUENCE "datafile_format_id_seq" OWNED BY "datafile_format".id;

CREATE SEQUENCE "dataset_id_seq" AS bigint;

CREATE TABLE "dataset" (
    id bigint NOT NULL DEFAULT nextval('"dataset_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "complete" boolean NOT NULL DEFAULT false,
    "description" text COLLATE "C",
    "doi" text COLLATE "C",
    "end_date" timestamptz(3),
    "file_count" bigint DEFAULT 0,
    "file_size" bigint DEFAULT 0,
    "location" text COLLATE "C",
    "name" text COLLATE "C" NOT NULL,
    "start_date" timestamptz(3),
    "investigation_id" bigint NOT NULL,
    "sample_id" bigint,
    "type_id" bigint NOT NULL,
    CONSTRAINT "dataset_pkey" PRIMARY KEY (id),
    CONSTRAINT "dataset_key" UNIQUE ("investigation_id", "name"),
    CONSTRAINT "dataset_description_length" CHECK (char_length("description") <= 255),
    CONSTRAINT "dataset_doi_length" CHECK (char_length("doi") <= 255),
    CONSTRAINT "dataset_location_length" CHECK (char_length("location") <= 511),
    CONSTRAINT "dataset_name_length" CHECK (char_length("name") <= 255)
) WITH (fillfactor = 85);

ALTER SEQUENCE "dataset_id_seq" OWNED BY "dataset".id;

CREATE SEQUENCE "dataset_instrument_id_seq" AS bigint;

CREATE TABLE "dataset_instrument" (
    id bigint NOT NULL DEFAULT nextval('"dataset_instrument_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "dataset_id" bigint NOT NULL,
    "instrument_id" bigint NOT NULL,
    CONSTRAINT "dataset_instrument_pkey" PRIMARY KEY (id),
    CONSTRAINT "dataset_instrument_key" UNIQUE ("dataset_id", "instrument_id")
);

ALTER SEQUENCE "dataset_instrument_id_seq" OWNED BY "dataset_instrument".id;

CREATE SEQUENCE "dataset_parameter_id_seq" AS bigint;

CREATE TABLE "dataset_parameter" (
    id bigint NOT NULL DEFAULT nextval('"dataset_parameter_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "date_time_value" timestamptz(3),
    "error" double precision,
    "numeric_value" double precision,
    "range_bottom" double precision,
    "range_top" double precision,
    "string_value" text COLLATE "C",
    "dataset_id" bigint NOT NULL,
    "type_id" bigint NOT NULL,
    CONSTRAINT "dataset_parameter_pkey" PRIMARY KEY (id),
    CONSTRAINT "dataset_parameter_key" UNIQUE ("dataset_id", "type_id"),
    CONSTRAINT "dataset_parameter_string_value_length" CHECK (char_length("string_value") <= 4000)
);

ALTER SEQUENCE "dataset_parameter_id_seq" OWNED BY "dataset_parameter".id;

CREATE SEQUENCE "dataset_technique_id_seq" AS bigint;

CREATE TABLE "dataset_technique" (
    id bigint NOT NULL DEFAULT nextval('"dataset_technique_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "dataset_id" bigint NOT NULL,
    "technique_id" bigint NOT NULL,
    CONSTRAINT "dataset_technique_pkey" PRIMARY KEY (id),
    CONSTRAINT "dataset_technique_key" UNIQUE ("dataset_id", "technique_id")
);

ALTER SEQUENCE "dataset_technique_id_seq" OWNED BY "dataset_technique".id;

CREATE SEQUENCE "dataset_type_id_seq" AS bigint;

CREATE TABLE "dataset_type" (
    id bigint NOT NULL DEFAULT nextval('"dataset_type_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "description" text COLLATE "C",
    "name" text COLLATE "C" NOT NULL,
    "facility_id" bigint NOT NULL,
    CONSTRAINT "dataset_type_pkey" PRIMARY KEY (id),
    CONSTRAINT "dataset_type_key" UNIQUE ("facility_id", "name"),
    CONSTRAINT "dataset_type_description_length" CHECK (char_length("description") <= 255),
    CONSTRAINT "dataset_type_name_length" CHECK (char_length("name") <= 255)
);

ALTER SEQUENCE "dataset_type_id_seq" OWNED BY "dataset_type".id;

CREATE SEQUENCE "facility_id_seq" AS bigint;

CREATE TABLE "facility" (
    id bigint NOT NULL DEFAULT nextval('"facility_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "days_until_release" integer,
    "description" text COLLATE "C",
    "full_name" text COLLATE "C",
    "name" text COLLATE "C" NOT NULL,
    "url" text COLLATE "C",
    CONSTRAINT "facility_pkey" PRIMARY KEY (id),
    CONSTRAINT "facility_key" UNIQUE ("name"),
    CONSTRAINT "facility_description_length" CHECK (char_length("description") <= 1023),
    CONSTRAINT "facility_full_name_length" CHECK (char_length("full_name") <= 255),
    CONSTRAINT "facility_name_length" CHECK (char_length("name") <= 255),
    CONSTRAINT "facility_url_length" CHECK (char_length("url") <= 255)
);

ALTER SEQUENCE "facility_id_seq" OWNED BY "facility".id;

CREATE SEQUENCE "facility_cycle_id_seq" AS bigint;

CREATE TABLE "facility_cycle" (
    id bigint NOT NULL DEFAULT nextval('"facility_cycle_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "description" text COLLATE "C",
    "end_date" timestamptz(3),
    "name" text COLLATE "C" NOT NULL,
    "start_date" timestamptz(3),
    "facility_id" bigint NOT NULL,
    CONSTRAINT "facility_cycle_pkey" PRIMARY KEY (id),
    CONSTRAINT "facility_cycle_key" UNIQUE ("facility_id", "name"),
    CONSTRAINT "facility_cycle_description_length" CHECK (char_length("description") <= 255),
    CONSTRAINT "facility_cycle_name_length" CHECK (char_length("name") <= 255)
);

ALTER SEQUENCE "facility_cycle_id_seq" OWNED BY "facility_cycle".id;

CREATE SEQUENCE "funding_reference_id_seq" AS bigint;

CREATE TABLE "funding_reference" (
    id bigint NOT NULL DEFAULT nextval('"funding_reference_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "acknowledgement" text COLLATE "C",
    "award_number" text COLLATE "C" NOT NULL,
    "award_title" text COLLATE "C",
    "funder_identifier" text COLLATE "C",
    "funder_name" text COLLATE "C" NOT NULL,
    CONSTRAINT "funding_reference_pkey" PRIMARY KEY (id),
    CONSTRAINT "funding_reference_key" UNIQUE ("funder_name", "award_number"),
    CONSTRAINT "funding_reference_acknowledgement_length" CHECK (char_length("acknowledgement") <= 1023),
    CONSTRAINT "funding_reference_award_number_length" CHECK (char_length("award_number") <= 255),
    CONSTRAINT "funding_reference_award_title_length" CHECK (char_length("award_title") <= 255),
    CONSTRAINT "funding_reference_funder_identifier_length" CHECK (char_length("funder_identifier") <= 255),
    CONSTRAINT "funding_reference_funder_name_length" CHECK (char_length("funder_name") <= 255)
);

ALTER SEQUENCE "funding_reference_id_seq" OWNED BY "funding_reference".id;

CREATE SEQUENCE "grouping_id_seq" AS bigint;

CREATE TABLE "grouping" (
    id bigint NOT NULL DEFAULT nextval('"grouping_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "name" text COLLATE "C" NOT NULL,
    CONSTRAINT "grouping_pkey" PRIMARY KEY (id),
    CONSTRAINT "grouping_key" UNIQUE ("name"),
    CONSTRAINT "grouping_name_length" CHECK (char_length("name") <= 255)
);

ALTER SEQUENCE "grouping_id_seq" OWNED BY "grouping".id;

CREATE SEQUENCE "instrument_id_seq" AS bigint;

CREATE TABLE "instrument" (
    id bigint NOT NULL DEFAULT nextval('"instrument_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "description" text COLLATE "C",
    "end_date" timestamptz(3),
    "full_name" text COLLATE "C",
    "name" text COLLATE "C" NOT NULL,
    "pid" text COLLATE "C",
    "start_date" timestamptz(3),
    "type" text COLLATE "C",
    "url" text COLLATE "C",
    "facility_id" bigint NOT NULL,
    CONSTRAINT "instrument_pkey" PRIMARY KEY (id),
    CONSTRAINT "instrument_key" UNIQUE ("facility_id", "name"),
    CONSTRAINT "instrument_description_length" CHECK (char_length("description") <= 4000),
    CONSTRAINT "instrument_full_name_length" CHECK (char_length("full_name") <= 255),
    CONSTRAINT "instrument_name_length" CHECK (char_length("name") <= 255),
    CONSTRAINT "instrument_pid_length" CHECK (char_length("pid") <= 255),
    CONSTRAINT "instrument_type_length" CHECK (char_length("type") <= 255),
    CONSTRAINT "instrument_url_length" CHECK (char_length("url") <= 255)
);

ALTER SEQUENCE "instrument_id_seq" OWNED BY "instrument".id;

CREATE SEQUENCE "instrument_scientist_id_seq" AS bigint;

CREATE TABLE "instrument_scientist" (
    id bigint NOT NULL DEFAULT nextval('"instrument_scientist_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "instrument_id" bigint NOT NULL,
    "user_id" bigint NOT NULL,
    CONSTRAINT "instrument_scientist_pkey" PRIMARY KEY (id),
    CONSTRAINT "instrument_scientist_key" UNIQUE ("user_id", "instrument_id")
);

ALTER SEQUENCE "instrument_scientist_id_seq" OWNED BY "instrument_scientist".id;

CREATE SEQUENCE "investigation_id_seq" AS bigint;

CREATE TABLE "investigation" (
    id bigint NOT NULL DEFAULT nextval('"investigation_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "doi" text COLLATE "C",
    "end_date" timestamptz(3),
    "file_count" bigint DEFAULT 0,
    "file_size" bigint DEFAULT 0,
    "name" text COLLATE "C" NOT NULL,
    "release_date" timestamptz(3),
    "start_date" timestamptz(3),
    "summary" text COLLATE "C",
    "title" text COLLATE "C" NOT NULL,
    "visit_id" text COLLATE "C" NOT NULL,
    "facility_id" bigint NOT NULL,
    "type_id" bigint NOT NULL,
    CONSTRAINT "investigation_pkey" PRIMARY KEY (id),
    CONSTRAINT "investigation_key" UNIQUE ("facility_id", "name", "visit_id"),
    CONSTRAINT "investigation_doi_length" CHECK (char_length("doi") <= 255),
    CONSTRAINT "investigation_name_length" CHECK (char_length("name") <= 255),
    CONSTRAINT "investigation_summary_length" CHECK (char_length("summary") <= 4000),
    CONSTRAINT "investigation_title_length" CHECK (char_length("title") <= 255),
    CONSTRAINT "investigation_visit_id_length" CHECK (char_length("visit_id") <= 255)
) WITH (fillfactor = 85);

ALTER SEQUENCE "investigation_id_seq" OWNED BY "investigation".id;

CREATE SEQUENCE "investigation_facility_cycle_id_seq" AS bigint;

CREATE TABLE "investigation_facility_cycle" (
    id bigint NOT NULL DEFAULT nextval('"investigation_facility_cycle_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "facility_cycle_id" bigint NOT NULL,
    "investigation_id" bigint NOT NULL,
    CONSTRAINT "investigation_facility_cycle_pkey" PRIMARY KEY (id),
    CONSTRAINT "investigation_facility_cycle_key" UNIQUE ("facility_cycle_id", "investigation_id")
);

ALTER SEQUENCE "investigation_facility_cycle_id_seq" OWNED BY "investigation_facility_cycle".id;

CREATE SEQUENCE "investigation_funding_id_seq" AS bigint;

CREATE TABLE "investigation_funding" (
    id bigint NOT NULL DEFAULT nextval('"investigation_funding_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "funding_id" bigint NOT NULL,
    "investigation_id" bigint NOT NULL,
    CONSTRAINT "investigation_funding_pkey" PRIMARY KEY (id),
    CONSTRAINT "investigation_funding_key" UNIQUE ("investigation_id", "funding_id")
);

ALTER SEQUENCE "investigation_funding_id_seq" OWNED BY "investigation_funding".id;

CREATE SEQUENCE "investigation_group_id_seq" AS bigint;

CREATE TABLE "investigation_group" (
    id bigint NOT NULL DEFAULT nextval('"investigation_group_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "role" text COLLATE "C" NOT NULL,
    "grouping_id" bigint NOT NULL,
    "investigation_id" bigint NOT NULL,
    CONSTRAINT "investigation_group_pkey" PRIMARY KEY (id),
    CONSTRAINT "investigation_group_key" UNIQUE ("grouping_id", "investigation_id", "role"),
    CONSTRAINT "investigation_group_role_length" CHECK (char_length("role") <= 255)
);

ALTER SEQUENCE "investigation_group_id_seq" OWNED BY "investigation_group".id;

CREATE SEQUENCE "investigation_instrument_id_seq" AS bigint;

CREATE TABLE "investigation_instrument" (
    id bigint NOT NULL DEFAULT nextval('"investigation_instrument_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "instrument_id" bigint NOT NULL,
    "investigation_id" bigint NOT NULL,
    CONSTRAINT "investigation_instrument_pkey" PRIMARY KEY (id),
    CONSTRAINT "investigation_instrument_key" UNIQUE ("investigation_id", "instrument_id")
);

ALTER SEQUENCE "investigation_instrument_id_seq" OWNED BY "investigation_instrument".id;

CREATE SEQUENCE "investigation_parameter_id_seq" AS bigint;

CREATE TABLE "investigation_parameter" (
    id bigint NOT NULL DEFAULT nextval('"investigation_parameter_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "date_time_value" timestamptz(3),
    "error" double precision,
    "numeric_value" double precision,
    "range_bottom" double precision,
    "range_top" double precision,
    "string_value" text COLLATE "C",
    "investigation_id" bigint NOT NULL,
    "type_id" bigint NOT NULL,
    CONSTRAINT "investigation_parameter_pkey" PRIMARY KEY (id),
    CONSTRAINT "investigation_parameter_key" UNIQUE ("investigation_id", "type_id"),
    CONSTRAINT "investigation_parameter_string_value_length" CHECK (char_length("string_value") <= 4000)
);

ALTER SEQUENCE "investigation_parameter_id_seq" OWNED BY "investigation_parameter".id;

CREATE SEQUENCE "investigation_type_id_seq" AS bigint;

CREATE TABLE "investigation_type" (
    id bigint NOT NULL DEFAULT nextval('"investigation_type_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "description" text COLLATE "C",
    "name" text COLLATE "C" NOT NULL,
    "facility_id" bigint NOT NULL,
    CONSTRAINT "investigation_type_pkey" PRIMARY KEY (id),
    CONSTRAINT "investigation_type_key" UNIQUE ("name", "facility_id"),
    CONSTRAINT "investigation_type_description_length" CHECK (char_length("description") <= 255),
    CONSTRAINT "investigation_type_name_length" CHECK (char_length("name") <= 255)
);

ALTER SEQUENCE "investigation_type_id_seq" OWNED BY "investigation_type".id;

CREATE SEQUENCE "investigation_user_id_seq" AS bigint;

CREATE TABLE "investigation_user" (
    id bigint NOT NULL DEFAULT nextval('"investigation_user_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "role" text COLLATE "C" NOT NULL,
    "investigation_id" bigint NOT NULL,
    "user_id" bigint NOT NULL,
    CONSTRAINT "investigation_user_pkey" PRIMARY KEY (id),
    CONSTRAINT "investigation_user_key" UNIQUE ("user_id", "investigation_id", "role"),
    CONSTRAINT "investigation_user_role_length" CHECK (char_length("role") <= 255)
);

ALTER SEQUENCE "investigation_user_id_seq" OWNED BY "investigation_user".id;

CREATE SEQUENCE "job_id_seq" AS bigint;

CREATE TABLE "job" (
    id bigint NOT NULL DEFAULT nextval('"job_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "arguments" text COLLATE "C",
    "application_id" bigint NOT NULL,
    "input_data_collection_id" bigint,
    "output_data_collection_id" bigint,
    CONSTRAINT "job_pkey" PRIMARY KEY (id),
    CONSTRAINT "job_arguments_length" CHECK (char_length("arguments") <= 255)
);

ALTER SEQUENCE "job_id_seq" OWNED BY "job".id;

CREATE SEQUENCE "keyword_id_seq" AS bigint;

CREATE TABLE "keyword" (
    id bigint NOT NULL DEFAULT nextval('"keyword_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "name" text COLLATE "C" NOT NULL,
    "investigation_id" bigint NOT NULL,
    CONSTRAINT "keyword_pkey" PRIMARY KEY (id),
    CONSTRAINT "keyword_key" UNIQUE ("name", "investigation_id"),
    CONSTRAINT "keyword_name_length" CHECK (char_length("name") <= 255)
);

ALTER SEQUENCE "keyword_id_seq" OWNED BY "keyword".id;

CREATE SEQUENCE "parameter_type_id_seq" AS bigint;

CREATE TABLE "parameter_type" (
    id bigint NOT NULL DEFAULT nextval('"parameter_type_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "applicable_to_data_collection" boolean NOT NULL DEFAULT false,
    "applicable_to_datafile" boolean NOT NULL DEFAULT false,
    "applicable_to_dataset" boolean NOT NULL DEFAULT false,
    "applicable_to_investigation" boolean NOT NULL DEFAULT false,
    "applicable_to_sample" boolean NOT NULL DEFAULT false,
    "description" text COLLATE "C",
    "enforced" boolean NOT NULL DEFAULT false,
    "maximum_numeric_value" double precision,
    "minimum_numeric_value" double precision,
    "name" text COLLATE "C" NOT NULL,
    "pid" text COLLATE "C",
    "units" text COLLATE "C" NOT NULL,
    "units_full_name" text COLLATE "C",
    "value_type" text COLLATE "C" NOT NULL,
    "verified" boolean NOT NULL DEFAULT false,
    "facility_id" bigint NOT NULL,
    CONSTRAINT "parameter_type_pkey" PRIMARY KEY (id),
    CONSTRAINT "parameter_type_key" UNIQUE ("facility_id", "name", "units"),
    CONSTRAINT "parameter_type_description_length" CHECK (char_length("description") <= 255),
    CONSTRAINT "parameter_type_name_length" CHECK (char_length("name") <= 255),
    CONSTRAINT "parameter_type_pid_length" CHECK (char_length("pid") <= 255),
    CONSTRAINT "parameter_type_units_length" CHECK (char_length("units") <= 255),
    CONSTRAINT "parameter_type_units_full_name_length" CHECK (char_length("units_full_name") <= 255),
    CONSTRAINT "parameter_type_value_type_values" CHECK ("value_type" IN ('DATE_AND_TIME', 'NUMERIC', 'STRING'))
);

ALTER SEQUENCE "parameter_type_id_seq" OWNED BY "parameter_type".id;

CREATE SEQUENCE "permissible_string_value_id_seq" AS bigint;

CREATE TABLE "permissible_string_value" (
    id bigint NOT NULL DEFAULT nextval('"permissible_string_value_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "value" text COLLATE "C" NOT NULL,
    "type_id" bigint NOT NULL,
    CONSTRAINT "permissible_string_value_pkey" PRIMARY KEY (id),
    CONSTRAINT "permissible_string_value_key" UNIQUE ("value", "type_id"),
    CONSTRAINT "permissible_string_value_value_length" CHECK (char_length("value") <= 255)
);

ALTER SEQUENCE "permissible_string_value_id_seq" OWNED BY "permissible_string_value".id;

CREATE SEQUENCE "public_step_id_seq" AS bigint;

CREATE TABLE "public_step" (
    id bigint NOT NULL DEFAULT nextval('"public_step_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "field" text COLLATE "C" NOT NULL,
    "origin" text COLLATE "C" NOT NULL,
    CONSTRAINT "public_step_pkey" PRIMARY KEY (id),
    CONSTRAINT "public_step_key" UNIQUE ("origin", "field"),
    CONSTRAINT "public_step_field_length" CHECK (char_length("field") <= 32),
    CONSTRAINT "public_step_origin_length" CHECK (char_length("origin") <= 32)
);

ALTER SEQUENCE "public_step_id_seq" OWNED BY "public_step".id;

CREATE SEQUENCE "publication_id_seq" AS bigint;

CREATE TABLE "publication" (
    id bigint NOT NULL DEFAULT nextval('"publication_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "doi" text COLLATE "C",
    "full_reference" text COLLATE "C" NOT NULL,
    "repository" text COLLATE "C",
    "repository_id" text COLLATE "C",
    "url" text COLLATE "C",
    "investigation_id" bigint NOT NULL,
    CONSTRAINT "publication_pkey" PRIMARY KEY (id),
    CONSTRAINT "publication_doi_length" CHECK (char_length("doi") <= 255),
    CONSTRAINT "publication_full_reference_length" CHECK (char_length("full_reference") <= 511),
    CONSTRAINT "publication_repository_length" CHECK (char_length("repository") <= 255),
    CONSTRAINT "publication_repository_id_length" CHECK (char_length("repository_id") <= 255),
    CONSTRAINT "publication_url_length" CHECK (char_length("url") <= 255)
);

ALTER SEQUENCE "publication_id_seq" OWNED BY "publication".id;

CREATE SEQUENCE "related_datafile_id_seq" AS bigint;

CREATE TABLE "related_datafile" (
    id bigint NOT NULL DEFAULT nextval('"related_datafile_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "relation" text COLLATE "C" NOT NULL,
    "dest_datafile_id" bigint NOT NULL,
    "source_datafile_id" bigint NOT NULL,
    CONSTRAINT "related_datafile_pkey" PRIMARY KEY (id),
    CONSTRAINT "related_datafile_key" UNIQUE ("source_datafile_id", "dest_datafile_id"),
    CONSTRAINT "related_datafile_relation_length" CHECK (char_length("relation") <= 255)
);

ALTER SEQUENCE "related_datafile_id_seq" OWNED BY "related_datafile".id;

CREATE SEQUENCE "related_item_id_seq" AS bigint;

CREATE TABLE "related_item" (
    id bigint NOT NULL DEFAULT nextval('"related_item_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "full_reference" text COLLATE "C",
    "identifier" text COLLATE "C" NOT NULL,
    "related_item_type" text COLLATE "C",
    "relation_type" text COLLATE "C" NOT NULL,
    "title" text COLLATE "C",
    "publication_id" bigint NOT NULL,
    CONSTRAINT "related_item_pkey" PRIMARY KEY (id),
    CONSTRAINT "related_item_key" UNIQUE ("publication_id", "identifier"),
    CONSTRAINT "related_item_full_reference_length" CHECK (char_length("full_reference") <= 1023),
    CONSTRAINT "related_item_identifier_length" CHECK (char_length("identifier") <= 255),
    CONSTRAINT "related_item_related_item_type_length" CHECK (char_length("related_item_type") <= 255),
    CONSTRAINT "related_item_relation_type_length" CHECK (char_length("relation_type") <= 255),
    CONSTRAINT "related_item_title_length" CHECK (char_length("title") <= 255)
);

ALTER SEQUENCE "related_item_id_seq" OWNED BY "related_item".id;

CREATE SEQUENCE "rule_id_seq" AS bigint;

CREATE TABLE "rule" (
    id bigint NOT NULL DEFAULT nextval('"rule_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "crud_flags" text COLLATE "C" NOT NULL,
    "what" text COLLATE "C" NOT NULL,
    "attribute" text COLLATE "C",
    "bean" text COLLATE "C",
    "c" boolean NOT NULL DEFAULT false,
    "d" boolean NOT NULL DEFAULT false,
    "r" boolean NOT NULL DEFAULT false,
    "restricted" boolean NOT NULL DEFAULT false,
    "u" boolean NOT NULL DEFAULT false,
    "grouping_id" bigint,
    CONSTRAINT "rule_pkey" PRIMARY KEY (id),
    CONSTRAINT "rule_crud_flags_length" CHECK (char_length("crud_flags") <= 4),
    CONSTRAINT "rule_what_length" CHECK (char_length("what") <= 1024),
    CONSTRAINT "rule_attribute_length" CHECK (char_length("attribute") <= 32),
    CONSTRAINT "rule_bean_length" CHECK (char_length("bean") <= 32)
);

ALTER SEQUENCE "rule_id_seq" OWNED BY "rule".id;

CREATE SEQUENCE "sample_id_seq" AS bigint;

CREATE TABLE "sample" (
    id bigint NOT NULL DEFAULT nextval('"sample_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "name" text COLLATE "C" NOT NULL,
    "pid" text COLLATE "C",
    "investigation_id" bigint NOT NULL,
    "type_id" bigint,
    CONSTRAINT "sample_pkey" PRIMARY KEY (id),
    CONSTRAINT "sample_key" UNIQUE ("investigation_id", "name"),
    CONSTRAINT "sample_name_length" CHECK (char_length("name") <= 255),
    CONSTRAINT "sample_pid_length" CHECK (char_length("pid") <= 255)
);

ALTER SEQUENCE "sample_id_seq" OWNED BY "sample".id;

CREATE SEQUENCE "sample_parameter_id_seq" AS bigint;

CREATE TABLE "sample_parameter" (
    id bigint NOT NULL DEFAULT nextval('"sample_parameter_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "date_time_value" timestamptz(3),
    "error" double precision,
    "numeric_value" double precision,
    "range_bottom" double precision,
    "range_top" double precision,
    "string_value" text COLLATE "C",
    "sample_id" bigint NOT NULL,
    "type_id" bigint NOT NULL,
    CONSTRAINT "sample_parameter_pkey" PRIMARY KEY (id),
    CONSTRAINT "sample_parameter_key" UNIQUE ("sample_id", "type_id"),
    CONSTRAINT "sample_parameter_string_value_length" CHECK (char_length("string_value") <= 4000)
);

ALTER SEQUENCE "sample_parameter_id_seq" OWNED BY "sample_parameter".id;

CREATE SEQUENCE "sample_type_id_seq" AS bigint;

CREATE TABLE "sample_type" (
    id bigint NOT NULL DEFAULT nextval('"sample_type_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "molecular_formula" text COLLATE "C" NOT NULL,
    "name" text COLLATE "C" NOT NULL,
    "safety_information" text COLLATE "C",
    "facility_id" bigint NOT NULL,
    CONSTRAINT "sample_type_pkey" PRIMARY KEY (id),
    CONSTRAINT "sample_type_key" UNIQUE ("facility_id", "name", "molecular_formula"),
    CONSTRAINT "sample_type_molecular_formula_length" CHECK (char_length("molecular_formula") <= 255),
    CONSTRAINT "sample_type_name_length" CHECK (char_length("name") <= 255),
    CONSTRAINT "sample_type_safety_information_length" CHECK (char_length("safety_information") <= 4000)
);

ALTER SEQUENCE "sample_type_id_seq" OWNED BY "sample_type".id;

CREATE SEQUENCE "shift_id_seq" AS bigint;

CREATE TABLE "shift" (
    id bigint NOT NULL DEFAULT nextval('"shift_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "comment" text COLLATE "C",
    "end_date" timestamptz(3) NOT NULL,
    "start_date" timestamptz(3) NOT NULL,
    "instrument_id" bigint,
    "investigation_id" bigint NOT NULL,
    CONSTRAINT "shift_pkey" PRIMARY KEY (id),
    CONSTRAINT "shift_key" UNIQUE ("investigation_id", "start_date", "end_date"),
    CONSTRAINT "shift_comment_length" CHECK (char_length("comment") <= 255)
);

ALTER SEQUENCE "shift_id_seq" OWNED BY "shift".id;

CREATE SEQUENCE "study_id_seq" AS bigint;

CREATE TABLE "study" (
    id bigint NOT NULL DEFAULT nextval('"study_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "description" text COLLATE "C",
    "end_date" timestamptz(3),
    "name" text COLLATE "C" NOT NULL,
    "pid" text COLLATE "C",
    "start_date" timestamptz(3),
    "status" text COLLATE "C",
    "user_id" bigint,
    CONSTRAINT "study_pkey" PRIMARY KEY (id),
    CONSTRAINT "study_description_length" CHECK (char_length("description") <= 4000),
    CONSTRAINT "study_name_length" CHECK (char_length("name") <= 255),
    CONSTRAINT "study_pid_length" CHECK (char_length("pid") <= 255),
    CONSTRAINT "study_status_values" CHECK ("status" IN ('NEW', 'IN_PROGRESS', 'COMPLETE', 'CANCELLED'))
);

ALTER SEQUENCE "study_id_seq" OWNED BY "study".id;

CREATE SEQUENCE "study_investigation_id_seq" AS bigint;

CREATE TABLE "study_investigation" (
    id bigint NOT NULL DEFAULT nextval('"study_investigation_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "investigation_id" bigint NOT NULL,
    "study_id" bigint NOT NULL,
    CONSTRAINT "study_investigation_pkey" PRIMARY KEY (id),
    CONSTRAINT "study_investigation_key" UNIQUE ("study_id", "investigation_id")
);

ALTER SEQUENCE "study_investigation_id_seq" OWNED BY "study_investigation".id;

CREATE SEQUENCE "subject_id_seq" AS bigint;

CREATE TABLE "subject" (
    id bigint NOT NULL DEFAULT nextval('"subject_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "classification_code" text COLLATE "C",
    "name" text COLLATE "C" NOT NULL,
    "pid" text COLLATE "C",
    "scheme_uri" text COLLATE "C",
    "subject_scheme" text COLLATE "C",
    "value_uri" text COLLATE "C",
    "data_publication_id" bigint NOT NULL,
    CONSTRAINT "subject_pkey" PRIMARY KEY (id),
    CONSTRAINT "subject_key" UNIQUE ("data_publication_id", "name"),
    CONSTRAINT "subject_classification_code_length" CHECK (char_length("classification_code") <= 255),
    CONSTRAINT "subject_name_length" CHECK (char_length("name") <= 255),
    CONSTRAINT "subject_pid_length" CHECK (char_length("pid") <= 255),
    CONSTRAINT "subject_scheme_uri_length" CHECK (char_length("scheme_uri") <= 255),
    CONSTRAINT "subject_subject_scheme_length" CHECK (char_length("subject_scheme") <= 255),
    CONSTRAINT "subject_value_uri_length" CHECK (char_length("value_uri") <= 255)
);

ALTER SEQUENCE "subject_id_seq" OWNED BY "subject".id;

CREATE SEQUENCE "technique_id_seq" AS bigint;

CREATE TABLE "technique" (
    id bigint NOT NULL DEFAULT nextval('"technique_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "description" text COLLATE "C",
    "name" text COLLATE "C" NOT NULL,
    "pid" text COLLATE "C",
    CONSTRAINT "technique_pkey" PRIMARY KEY (id),
    CONSTRAINT "technique_key" UNIQUE ("name"),
    CONSTRAINT "technique_description_length" CHECK (char_length("description") <= 255),
    CONSTRAINT "technique_name_length" CHECK (char_length("name") <= 255),
    CONSTRAINT "technique_pid_length" CHECK (char_length("pid") <= 255)
);

ALTER SEQUENCE "technique_id_seq" OWNED BY "technique".id;

CREATE SEQUENCE "user_id_seq" AS bigint;

CREATE TABLE "user" (
    id bigint NOT NULL DEFAULT nextval('"user_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "affiliation" text COLLATE "C",
    "email" text COLLATE "C",
    "family_name" text COLLATE "C",
    "full_name" text COLLATE "C",
    "given_name" text COLLATE "C",
    "name" text COLLATE "C" NOT NULL,
    "orcid_id" text COLLATE "C",
    CONSTRAINT "user_pkey" PRIMARY KEY (id),
    CONSTRAINT "user_key" UNIQUE ("name"),
    CONSTRAINT "user_affiliation_length" CHECK (char_length("affiliation") <= 255),
    CONSTRAINT "user_email_length" CHECK (char_length("email") <= 255),
    CONSTRAINT "user_family_name_length" CHECK (char_length("family_name") <= 255),
    CONSTRAINT "user_full_name_length" CHECK (char_length("full_name") <= 255),
    CONSTRAINT "user_given_name_length" CHECK (char_length("given_name") <= 255),
    CONSTRAINT "user_name_length" CHECK (char_length("name") <= 255),
    CONSTRAINT "user_orcid_id_length" CHECK (char_length("orcid_id") <= 255)
);

ALTER SEQUENCE "user_id_seq" OWNED BY "user".id;

CREATE SEQUENCE "user_group_id_seq" AS bigint;

CREATE TABLE "user_group" (
    id bigint NOT NULL DEFAULT nextval('"user_group_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "grouping_id" bigint NOT NULL,
    "user_id" bigint NOT NULL,
    CONSTRAINT "user_group_pkey" PRIMARY KEY (id),
    CONSTRAINT "user_group_key" UNIQUE ("user_id", "grouping_id")
);

ALTER SEQUENCE "user_group_id_seq" OWNED BY "user_group".id;
