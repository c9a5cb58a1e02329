-- What objects that were deleted or moved belonged to before, for who keeps something about that; see `database.outbox`.

ALTER TABLE event_inbox ADD former jsonb;
ALTER TABLE event ADD former jsonb;
