-- Foreign keys, indexes, and the tables that are not part of the model.

ALTER TABLE "affiliation" ADD CONSTRAINT "affiliation_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "data_publication_user" (id) ON DELETE CASCADE;

ALTER TABLE "application" ADD CONSTRAINT "application_facility_id_fkey" FOREIGN KEY ("facility_id") REFERENCES "facility" (id) ON DELETE CASCADE;

ALTER TABLE "data_collection_datafile" ADD CONSTRAINT "data_collection_datafile_data_collection_id_fkey" FOREIGN KEY ("data_collection_id") REFERENCES "data_collection" (id) ON DELETE CASCADE;

ALTER TABLE "data_collection_datafile" ADD CONSTRAINT "data_collection_datafile_datafile_id_fkey" FOREIGN KEY ("datafile_id") REFERENCES "datafile" (id) ON DELETE CASCADE;

ALTER TABLE "data_collection_dataset" ADD CONSTRAINT "data_collection_dataset_data_collection_id_fkey" FOREIGN KEY ("data_collection_id") REFERENCES "data_collection" (id) ON DELETE CASCADE;

ALTER TABLE "data_collection_dataset" ADD CONSTRAINT "data_collection_dataset_dataset_id_fkey" FOREIGN KEY ("dataset_id") REFERENCES "dataset" (id) ON DELETE CASCADE;

ALTER TABLE "data_collection_investigation" ADD CONSTRAINT "data_collection_investigation_data_collection_id_fkey" FOREIGN KEY ("data_collection_id") REFERENCES "data_collection" (id) ON DELETE CASCADE;

ALTER TABLE "data_collection_investigation" ADD CONSTRAINT "data_collection_investigation_investigation_id_fkey" FOREIGN KEY ("investigation_id") REFERENCES "investigation" (id) ON DELETE CASCADE;

ALTER TABLE "data_collection_parameter" ADD CONSTRAINT "data_collection_parameter_data_collection_id_fkey" FOREIGN KEY ("data_collection_id") REFERENCES "data_collection" (id) ON DELETE CASCADE;

ALTER TABLE "data_collection_parameter" ADD CONSTRAINT "data_collection_parameter_type_id_fkey" FOREIGN KEY ("type_id") REFERENCES "parameter_type" (id) ON DELETE CASCADE;

ALTER TABLE "data_publication" ADD CONSTRAINT "data_publication_content_id_fkey" FOREIGN KEY ("content_id") REFERENCES "data_collection" (id) ON DELETE CASCADE;

ALTER TABLE "data_publication" ADD CONSTRAINT "data_publication_facility_id_fkey" FOREIGN KEY ("facility_id") REFERENCES "facility" (id) ON DELETE CASCADE;

ALTER TABLE "data_publication" ADD CONSTRAINT "data_publication_type_id_fkey" FOREIGN KEY ("type_id") REFERENCES "data_publication_type" (id) ON DELETE CASCADE;

ALTER TABLE "data_publication_date" ADD CONSTRAINT "data_publication_date_publication_id_fkey" FOREIGN KEY ("publication_id") REFERENCES "data_publication" (id) ON DELETE CASCADE;

ALTER TABLE "data_publication_funding" ADD CONSTRAINT "data_publication_funding_data_publication_id_fkey" FOREIGN KEY ("data_publication_id") REFERENCES "data_publication" (id) ON DELETE CASCADE;

ALTER TABLE "data_publication_funding" ADD CONSTRAINT "data_publication_funding_funding_id_fkey" FOREIGN KEY ("funding_id") REFERENCES "funding_reference" (id) ON DELETE CASCADE;

ALTER TABLE "data_publication_type" ADD CONSTRAINT "data_publication_type_facility_id_fkey" FOREIGN KEY ("facility_id") REFERENCES "facility" (id) ON DELETE CASCADE;

ALTER TABLE "data_publication_user" ADD CONSTRAINT "data_publication_user_publication_id_fkey" FOREIGN KEY ("publication_id") REFERENCES "data_publication" (id) ON DELETE CASCADE;

ALTER TABLE "data_publication_user" ADD CONSTRAINT "data_publication_user_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "user" (id) ON DELETE CASCADE;

ALTER TABLE "datafile" ADD CONSTRAINT "datafile_datafile_format_id_fkey" FOREIGN KEY ("datafile_format_id") REFERENCES "datafile_format" (id) ON DELETE CASCADE;

ALTER TABLE "datafile" ADD CONSTRAINT "datafile_dataset_id_fkey" FOREIGN KEY ("dataset_id") REFERENCES "dataset" (id) ON DELETE CASCADE;

ALTER TABLE "datafile_format" ADD CONSTRAINT "datafile_format_facility_id_fkey" FOREIGN KEY ("facility_id") REFERENCES "facility" (id) ON DELETE CASCADE;

ALTER TABLE "datafile_parameter" ADD CONSTRAINT "datafile_parameter_datafile_id_fkey" FOREIGN KEY ("datafile_id") REFERENCES "datafile" (id) ON DELETE CASCADE;

ALTER TABLE "datafile_parameter" ADD CONSTRAINT "datafile_parameter_type_id_fkey" FOREIGN KEY ("type_id") REFERENCES "parameter_type" (id) ON DELETE CASCADE;

ALTER TABLE "dataset" ADD CONSTRAINT "dataset_investigation_id_fkey" FOREIGN KEY ("investigation_id") REFERENCES "investigation" (id) ON DELETE CASCADE;

ALTER TABLE "dataset" ADD CONSTRAINT "dataset_sample_id_fkey" FOREIGN KEY ("sample_id") REFERENCES "sample" (id) ON DELETE CASCADE;

ALTER TABLE "dataset" ADD CONSTRAINT "dataset_type_id_fkey" FOREIGN KEY ("type_id") REFERENCES "dataset_type" (id) ON DELETE CASCADE;

ALTER TABLE "dataset_instrument" ADD CONSTRAINT "dataset_instrument_dataset_id_fkey" FOREIGN KEY ("dataset_id") REFERENCES "dataset" (id) ON DELETE CASCADE;

ALTER TABLE "dataset_instrument" ADD CONSTRAINT "dataset_instrument_instrument_id_fkey" FOREIGN KEY ("instrument_id") REFERENCES "instrument" (id) ON DELETE CASCADE;

ALTER TABLE "dataset_parameter" ADD CONSTRAINT "dataset_parameter_dataset_id_fkey" FOREIGN KEY ("dataset_id") REFERENCES "dataset" (id) ON DELETE CASCADE;

ALTER TABLE "dataset_parameter" ADD CONSTRAINT "dataset_parameter_type_id_fkey" FOREIGN KEY ("type_id") REFERENCES "parameter_type" (id) ON DELETE CASCADE;

ALTER TABLE "dataset_technique" ADD CONSTRAINT "dataset_technique_dataset_id_fkey" FOREIGN KEY ("dataset_id") REFERENCES "dataset" (id) ON DELETE CASCADE;

ALTER TABLE "dataset_technique" ADD CONSTRAINT "dataset_technique_technique_id_fkey" FOREIGN KEY ("technique_id") REFERENCES "technique" (id) ON DELETE CASCADE;

ALTER TABLE "dataset_type" ADD CONSTRAINT "dataset_type_facility_id_fkey" FOREIGN KEY ("facility_id") REFERENCES "facility" (id) ON DELETE CASCADE;

ALTER TABLE "facility_cycle" ADD CONSTRAINT "facility_cycle_facility_id_fkey" FOREIGN KEY ("facility_id") REFERENCES "facility" (id) ON DELETE CASCADE;

ALTER TABLE "instrument" ADD CONSTRAINT "instrument_facility_id_fkey" FOREIGN KEY ("facility_id") REFERENCES "facility" (id) ON DELETE CASCADE;

ALTER TABLE "instrument_scientist" ADD CONSTRAINT "instrument_scientist_instrument_id_fkey" FOREIGN KEY ("instrument_id") REFERENCES "instrument" (id) ON DELETE CASCADE;

ALTER TABLE "instrument_scientist" ADD CONSTRAINT "instrument_scientist_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "user" (id) ON DELETE CASCADE;

ALTER TABLE "investigation" ADD CONSTRAINT "investigation_facility_id_fkey" FOREIGN KEY ("facility_id") REFERENCES "facility" (id) ON DELETE CASCADE;

ALTER TABLE "investigation" ADD CONSTRAINT "investigation_type_id_fkey" FOREIGN KEY ("type_id") REFERENCES "investigation_type" (id) ON DELETE CASCADE;

ALTER TABLE "investigation_facility_cycle" ADD CONSTRAINT "investigation_facility_cycle_facility_cycle_id_fkey" FOREIGN KEY ("facility_cycle_id") REFERENCES "facility_cycle" (id) ON DELETE CASCADE;

ALTER TABLE "investigation_facility_cycle" ADD CONSTRAINT "investigation_facility_cycle_investigation_id_fkey" FOREIGN KEY ("investigation_id") REFERENCES "investigation" (id) ON DELETE CASCADE;

ALTER TABLE "investigation_funding" ADD CONSTRAINT "investigation_funding_funding_id_fkey" FOREIGN KEY ("funding_id") REFERENCES "funding_reference" (id) ON DELETE CASCADE;

ALTER TABLE "investigation_funding" ADD CONSTRAINT "investigation_funding_investigation_id_fkey" FOREIGN KEY ("investigation_id") REFERENCES "investigation" (id) ON DELETE CASCADE;

ALTER TABLE "investigation_group" ADD CONSTRAINT "investigation_group_grouping_id_fkey" FOREIGN KEY ("grouping_id") REFERENCES "grouping" (id) ON DELETE CASCADE;

ALTER TABLE "investigation_group" ADD CONSTRAINT "investigation_group_investigation_id_fkey" FOREIGN KEY ("investigation_id") REFERENCES "investigation" (id) ON DELETE CASCADE;

ALTER TABLE "investigation_instrument" ADD CONSTRAINT "investigation_instrument_instrument_id_fkey" FOREIGN KEY ("instrument_id") REFERENCES "instrument" (id) ON DELETE CASCADE;

ALTER TABLE "investigation_instrument" ADD CONSTRAINT "investigation_instrument_investigation_id_fkey" FOREIGN KEY ("investigation_id") REFERENCES "investigation" (id) ON DELETE CASCADE;

ALTER TABLE "investigation_parameter" ADD CONSTRAINT "investigation_parameter_investigation_id_fkey" FOREIGN KEY ("investigation_id") REFERENCES "investigation" (id) ON DELETE CASCADE;

ALTER TABLE "investigation_parameter" ADD CONSTRAINT "investigation_parameter_type_id_fkey" FOREIGN KEY ("type_id") REFERENCES "parameter_type" (id) ON DELETE CASCADE;

ALTER TABLE "investigation_type" ADD CONSTRAINT "investigation_type_facility_id_fkey" FOREIGN KEY ("facility_id") REFERENCES "facility" (id) ON DELETE CASCADE;

ALTER TABLE "investigation_user" ADD CONSTRAINT "investigation_user_investigation_id_fkey" FOREIGN KEY ("investigation_id") REFERENCES "investigation" (id) ON DELETE CASCADE;

ALTER TABLE "investigation_user" ADD CONSTRAINT "investigation_user_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "user" (id) ON DELETE CASCADE;

ALTER TABLE "job" ADD CONSTRAINT "job_application_id_fkey" FOREIGN KEY ("application_id") REFERENCES "application" (id) ON DELETE CASCADE;

ALTER TABLE "job" ADD CONSTRAINT "job_input_data_collection_id_fkey" FOREIGN KEY ("input_data_collection_id") REFERENCES "data_collection" (id) ON DELETE CASCADE;

ALTER TABLE "job" ADD CONSTRAINT "job_output_data_collection_id_fkey" FOREIGN KEY ("output_data_collection_id") REFERENCES "data_collection" (id) ON DELETE CASCADE;

ALTER TABLE "keyword" ADD CONSTRAINT "keyword_investigation_id_fkey" FOREIGN KEY ("investigation_id") REFERENCES "investigation" (id) ON DELETE CASCADE;

ALTER TABLE "parameter_type" ADD CONSTRAINT "parameter_type_facility_id_fkey" FOREIGN KEY ("facility_id") REFERENCES "facility" (id) ON DELETE CASCADE;

ALTER TABLE "permissible_string_value" ADD CONSTRAINT "permissible_string_value_type_id_fkey" FOREIGN KEY ("type_id") REFERENCES "parameter_type" (id) ON DELETE CASCADE;

ALTER TABLE "publication" ADD CONSTRAINT "publication_investigation_id_fkey" FOREIGN KEY ("investigation_id") REFERENCES "investigation" (id) ON DELETE CASCADE;

ALTER TABLE "related_datafile" ADD CONSTRAINT "related_datafile_dest_datafile_id_fkey" FOREIGN KEY ("dest_datafile_id") REFERENCES "datafile" (id) ON DELETE CASCADE;

ALTER TABLE "related_datafile" ADD CONSTRAINT "related_datafile_source_datafile_id_fkey" FOREIGN KEY ("source_datafile_id") REFERENCES "datafile" (id) ON DELETE CASCADE;

ALTER TABLE "related_item" ADD CONSTRAINT "related_item_publication_id_fkey" FOREIGN KEY ("publication_id") REFERENCES "data_publication" (id) ON DELETE CASCADE;

ALTER TABLE "rule" ADD CONSTRAINT "rule_grouping_id_fkey" FOREIGN KEY ("grouping_id") REFERENCES "grouping" (id) ON DELETE CASCADE;

ALTER TABLE "sample" ADD CONSTRAINT "sample_investigation_id_fkey" FOREIGN KEY ("investigation_id") REFERENCES "investigation" (id) ON DELETE CASCADE;

ALTER TABLE "sample" ADD CONSTRAINT "sample_type_id_fkey" FOREIGN KEY ("type_id") REFERENCES "sample_type" (id) ON DELETE CASCADE;

ALTER TABLE "sample_parameter" ADD CONSTRAINT "sample_parameter_sample_id_fkey" FOREIGN KEY ("sample_id") REFERENCES "sample" (id) ON DELETE CASCADE;

ALTER TABLE "sample_parameter" ADD CONSTRAINT "sample_parameter_type_id_fkey" FOREIGN KEY ("type_id") REFERENCES "parameter_type" (id) ON DELETE CASCADE;

ALTER TABLE "sample_type" ADD CONSTRAINT "sample_type_facility_id_fkey" FOREIGN KEY ("facility_id") REFERENCES "facility" (id) ON DELETE CASCADE;

ALTER TABLE "shift" ADD CONSTRAINT "shift_instrument_id_fkey" FOREIGN KEY ("instrument_id") REFERENCES "instrument" (id) ON DELETE CASCADE;

ALTER TABLE "shift" ADD CONSTRAINT "shift_investigation_id_fkey" FOREIGN KEY ("investigation_id") REFERENCES "investigation" (id) ON DELETE CASCADE;

ALTER TABLE "study" ADD CONSTRAINT "study_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "user" (id) ON DELETE CASCADE;

ALTER TABLE "study_investigation" ADD CONSTRAINT "study_investigation_investigation_id_fkey" FOREIGN KEY ("investigation_id") REFERENCES "investigation" (id) ON DELETE CASCADE;

ALTER TABLE "study_investigation" ADD CONSTRAINT "study_investigation_study_id_fkey" FOREIGN KEY ("study_id") REFERENCES "study" (id) ON DELETE CASCADE;

ALTER TABLE "subject" ADD CONSTRAINT "subject_data_publication_id_fkey" FOREIGN KEY ("data_publication_id") REFERENCES "data_publication" (id) ON DELETE CASCADE;

ALTER TABLE "user_group" ADD CONSTRAINT "user_group_grouping_id_fkey" FOREIGN KEY ("grouping_id") REFERENCES "grouping" (id) ON DELETE CASCADE;

ALTER TABLE "user_group" ADD CONSTRAINT "user_group_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "user" (id) ON DELETE CASCADE;

CREATE INDEX "data_collection_doi_idx" ON "data_collection" (doi) WHERE doi IS NOT NULL;

CREATE INDEX "data_collection_datafile_datafile_id_idx" ON "data_collection_datafile" ("datafile_id");

CREATE INDEX "data_collection_dataset_dataset_id_idx" ON "data_collection_dataset" ("dataset_id");

CREATE INDEX "data_collection_investigation_investigation_id_idx" ON "data_collection_investigation" ("investigation_id");

CREATE INDEX "data_collection_parameter_type_id_idx" ON "data_collection_parameter" ("type_id");

CREATE INDEX "data_publication_content_id_idx" ON "data_publication" ("content_id");

CREATE INDEX "data_publication_type_id_idx" ON "data_publication" ("type_id");

CREATE INDEX "data_publication_funding_funding_id_idx" ON "data_publication_funding" ("funding_id");

CREATE INDEX "data_publication_user_user_id_idx" ON "data_publication_user" ("user_id");

CREATE INDEX "datafile_by_id_idx" ON "datafile" (dataset_id, id);

CREATE INDEX "datafile_by_create_time_idx" ON "datafile" (dataset_id, datafile_create_time, id);

CREATE INDEX "datafile_by_mod_time_idx" ON "datafile" (dataset_id, datafile_mod_time, id);

CREATE INDEX "datafile_of_investigation_idx" ON "datafile" (investigation_id, id);

CREATE INDEX "datafile_doi_idx" ON "datafile" (doi) WHERE doi IS NOT NULL;

CREATE INDEX "datafile_datafile_format_id_idx" ON "datafile" ("datafile_format_id");

CREATE INDEX "datafile_parameter_type_id_idx" ON "datafile_parameter" ("type_id");

CREATE INDEX "dataset_by_start_date_idx" ON "dataset" (investigation_id, start_date);

CREATE INDEX "dataset_by_id_idx" ON "dataset" (investigation_id, id);

CREATE INDEX "dataset_doi_idx" ON "dataset" (doi) WHERE doi IS NOT NULL;

CREATE INDEX "dataset_sample_id_idx" ON "dataset" ("sample_id");

CREATE INDEX "dataset_type_id_idx" ON "dataset" ("type_id");

CREATE INDEX "dataset_instrument_instrument_id_idx" ON "dataset_instrument" ("instrument_id");

CREATE INDEX "dataset_parameter_numeric_value_idx" ON "dataset_parameter" (type_id, numeric_value);

CREATE INDEX "dataset_parameter_string_value_idx" ON "dataset_parameter" (type_id, left(string_value, 80));

CREATE INDEX "dataset_technique_technique_id_idx" ON "dataset_technique" ("technique_id");

CREATE INDEX "instrument_scientist_instrument_id_idx" ON "instrument_scientist" ("instrument_id");

CREATE INDEX "investigation_name_idx" ON "investigation" (name);

CREATE INDEX "investigation_visit_id_idx" ON "investigation" (visit_id);

CREATE INDEX "investigation_start_date_idx" ON "investigation" (start_date DESC, id);

CREATE INDEX "investigation_release_date_idx" ON "investigation" (release_date);

CREATE INDEX "investigation_doi_idx" ON "investigation" (doi) WHERE doi IS NOT NULL;

CREATE INDEX "investigation_type_id_idx" ON "investigation" ("type_id");

CREATE INDEX "investigation_facility_cycle_investigation_id_idx" ON "investigation_facility_cycle" ("investigation_id");

CREATE INDEX "investigation_funding_funding_id_idx" ON "investigation_funding" ("funding_id");

CREATE INDEX "investigation_group_investigation_id_idx" ON "investigation_group" ("investigation_id");

CREATE INDEX "investigation_instrument_instrument_id_idx" ON "investigation_instrument" ("instrument_id");

CREATE INDEX "investigation_parameter_numeric_value_idx" ON "investigation_parameter" (type_id, numeric_value);

CREATE INDEX "investigation_parameter_string_value_idx" ON "investigation_parameter" (type_id, left(string_value, 80));

CREATE INDEX "investigation_type_facility_id_idx" ON "investigation_type" ("facility_id");

CREATE INDEX "investigation_user_investigation_id_idx" ON "investigation_user" ("investigation_id");

CREATE INDEX "job_application_id_idx" ON "job" ("application_id");

CREATE INDEX "job_input_data_collection_id_idx" ON "job" ("input_data_collection_id");

CREATE INDEX "job_output_data_collection_id_idx" ON "job" ("output_data_collection_id");

CREATE INDEX "keyword_investigation_id_idx" ON "keyword" ("investigation_id");

CREATE INDEX "parameter_type_name_idx" ON "parameter_type" (name);

CREATE INDEX "permissible_string_value_type_id_idx" ON "permissible_string_value" ("type_id");

CREATE INDEX "publication_investigation_id_idx" ON "publication" ("investigation_id");

CREATE INDEX "related_datafile_dest_datafile_id_idx" ON "related_datafile" ("dest_datafile_id");

CREATE INDEX "rule_grouping_id_idx" ON "rule" ("grouping_id");

CREATE INDEX "sample_name_idx" ON "sample" (name);

CREATE INDEX "sample_type_id_idx" ON "sample" ("type_id");

CREATE INDEX "sample_parameter_numeric_value_idx" ON "sample_parameter" (type_id, numeric_value);

CREATE INDEX "sample_parameter_string_value_idx" ON "sample_parameter" (type_id, left(string_value, 80));

CREATE INDEX "shift_instrument_id_idx" ON "shift" ("instrument_id");

CREATE INDEX "study_user_id_idx" ON "study" ("user_id");

CREATE INDEX "study_investigation_investigation_id_idx" ON "study_investigation" ("investigation_id");

CREATE INDEX "user_group_grouping_id_idx" ON "user_group" ("grouping_id");

CREATE TABLE catalogue_option (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    maintain_file_counts boolean NOT NULL,
    datafile_partition_rows bigint NOT NULL CHECK (datafile_partition_rows >= 0)
);

CREATE TABLE session (
    id uuid PRIMARY KEY,
    user_name text COLLATE "C" NOT NULL,
    mechanism text COLLATE "C" NOT NULL,
    created timestamptz NOT NULL,
    expires timestamptz NOT NULL
);

CREATE INDEX session_user_name_idx ON session (user_name);

CREATE INDEX session_expires_idx ON session (expires);

CREATE TABLE login_failure (
    subject text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL
);

CREATE INDEX login_failure_subject_at_idx ON login_failure (subject, at);

CREATE INDEX login_failure_at_idx ON login_failure (at);

CREATE TABLE rulebook_version (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    version bigint NOT NULL,
    changed_by xid8 NOT NULL
);

CREATE TABLE investigation_reader (
    user_id bigint NOT NULL,
    investigation_id bigint NOT NULL,
    path text COLLATE "C" NOT NULL CHECK (path IN ('user', 'instrument', 'group')),
    count integer NOT NULL CHECK (count >= 0),
    PRIMARY KEY (user_id, path, investigation_id)
);

CREATE INDEX investigation_reader_investigation_id_idx ON investigation_reader (investigation_id, user_id);

INSERT INTO rulebook_version (version, changed_by) VALUES (1, '0');
