-- Datafiles and their parameters, plain.

CREATE SEQUENCE "datafile_id_seq" AS bigint;

CREATE TABLE "datafile" (
    id bigint NOT NULL DEFAULT nextval('"datafile_id_seq"'),
    "create_id" text COLLATE "C" NOT NULL,
    "create_time" timestamptz(3) NOT NULL,
    "mod_id" text COLLATE "C" NOT NULL,
    "mod_time" timestamptz(3) NOT NULL,
    "checksum" text COLLATE "C",
    "datafile_create_time" timestamptz(3),
    "datafile_mod_time" timestamptz(3),
    "description" text COLLATE "C",
    "doi" text COLLATE "C",
    "file_size" bigint DEFAULT 0,
    "location" text COLLATE "C",
    "name" text COLLATE "C" NOT NULL,
    "datafile_format_id" bigint,
    "dataset_id" bigint NOT NULL,
    "investigation_id" bigint,
    CONSTRAINT "datafile_pkey" PRIMARY KEY (id),
    CONSTRAINT "datafile_key" UNIQUE ("dataset_id", "name"),
    CONSTRAINT "datafile_checksum_length" CHECK (char_length("checksum") <= 255),
    CONSTRAINT "datafile_description_length" CHECK (char_length("description") <= 255),
    CONSTRAINT "datafile_doi_length" CHECK (char_length("doi") <= 255),
    CONSTRAINT "datafile_location_length" CHECK (char_length("location") <= 511),
    CONSTRAINT "datafile_name_length" CHECK (char_length("name") <= 255)
);

ALTER SEQUENCE "datafile_id_seq" OWNED BY "datafile".id;

CREATE SEQUENCE "datafile_parameter_id_seq" AS bigint;

CREATE TABLE "datafile_parameter" (
    id bigint NOT NULL DEFAULT nextval('"datafile_parameter_id_seq"'),
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
    "datafile_id" bigint NOT NULL,
    "type_id" bigint NOT NULL,
    CONSTRAINT "datafile_parameter_pkey" PRIMARY KEY (id),
    CONSTRAINT "datafile_parameter_key" UNIQUE ("datafile_id", "type_id"),
    CONSTRAINT "datafile_parameter_string_value_length" CHECK (char_length("string_value") <= 4000)
);

ALTER SEQUENCE "datafile_parameter_id_seq" OWNED BY "datafile_parameter".id;
