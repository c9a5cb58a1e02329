-- How what was requested is packed; see downloads.

ALTER TABLE download ADD COLUMN form text COLLATE "C" NOT NULL DEFAULT 'zip' CHECK (form IN ('zip', 'tar', 'files'));
