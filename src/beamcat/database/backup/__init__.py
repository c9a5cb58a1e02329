"""Backup and restore of all that a facility could lose: the catalogue's tables, and the files of the home.

The backup is logical: binary COPY of every table within one snapshot. So it is the same for the embedded PostgreSQL and
a site's own, goes to other machines and newer versions of both PostgreSQL and Beamcat, and can be checked without
restoring it. A site with its own PostgreSQL may use that one's tools as well, for copies up to the latest transaction.
"""
