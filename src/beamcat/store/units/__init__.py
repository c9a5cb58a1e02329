"""Two levels of storage: what is in the main storage, what only in the archive, and how it goes to and fro.

A *unit* is what is moved as one, a dataset or a datafile by the setting `store.unit` (data service specification, A.8).
Everything known of it is one row of the table `unit`, so that any number of workers on any number of machines agree,
and none of it is lost with one of them:

- `online`: whether all its bytes are in the main storage; NULL until somebody has looked.
- `wanted`: what is asked for (`transitions` says what becomes of another request), from `not_before` on.
- `running`: what a worker is doing, with a `ticket` and a lease (`until`). The worker renews the lease. Once it has
  run out, anybody takes the operation up again: all of them may be done twice. Whoever has lost the ticket cannot
  write down anything any more, since every statement asks for it.
- `marked`: something was written that the archive does not have. Set with the request, taken away by a WRITE that
  succeeded and that no other request has followed.
- `copy`, `copied`: the name of the copy in the archive, and a fingerprint of the bytes that are in it.
- `leaving`: the files that an ARCHIVE is removing, so that it removes the same ones when it is taken up again.
- `failure`: why the last RESTORE failed.

No byte is lost, for these reasons. An ARCHIVE removes from the main storage only after the archive has confirmed a
copy whose fingerprint (ids, locations, sizes and versions of all files) is that of the files now there; any other
leads to a WRITE first, whoever changed the files. It removes a file only while it is that version of it. A WRITE makes
a copy of a new name beside the old one, which goes when the new one is in the row: a worker that slept through its
lease cannot replace a newer copy. It does not begin while a file of the catalogue is absent. A RESTORE that fails
removes nothing but what it has put there itself.

Readers and writers of bytes lock the dataset (`locks`): they write down the lock, then look whether something moves.
An operation writes down that it runs, then looks for locks. So at least one of the two sees the other.

A RESTORE is heeded whatever else is queued, unless it is a DELETE: what is not there, or just leaving, can neither be
written nor read. If it takes the place of a WRITE the mark stays, and the unit is written when it has come back.

`queue` holds the statements (those of requests are in `requesting`, whose turn it is in `taking`), `operations` what is
done to bytes, `worker` who does it, `levels` what the data service asks, `status` and `progress` what clients are told,
`tidying` what goes to the archive to make room, `administration` what administrators see and do.
"""
