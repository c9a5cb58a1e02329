"""What `beamcat demo` prints when it is ready."""

from __future__ import annotations

from beamcat.demo.settings import PASSWORD

ACCOUNT_NOTES = (
    ("simple/root", "administrator"),
    ("db/visitor", "a scientist who took part in three investigations"),
    ("db/pi", "principal investigator of six"),
    ("db/staff", "instrument scientist of ML07 and ML14"),
    ("db/curator", "reads all, cares for publications"),
    ("anon", "without an account or password: open data"),
)


def welcome(base_url: str) -> str:
    """The address, the accounts, and three things to try; every command line works as it stands."""
    accounts = "\n".join(f"  {name:<12} {note}" for name, note in ACCOUNT_NOTES)
    login = '{"plugin":"db","credentials":[{"username":"visitor"},{"password":"' + PASSWORD + '"}]}'
    titles = "SELECT i.visitId, i.title FROM Investigation i JOIN i.investigationUsers u WHERE u.user.name = :user"
    # writing needs an id: the one of a dataset the visitor may read
    dataset = "SELECT MIN(d.id) FROM Dataset d JOIN d.investigation.investigationUsers u WHERE u.user.name = :user"
    change = '{"Dataset":{"id":\'$ID\',"description":"mine now"}}'
    return f"""\
Beamcat is ready at {base_url}

Accounts, all with the password "{PASSWORD}":
{accounts}

Three things to try, in another terminal:

1. Sign in.
   BEAMCAT={base_url}
   SESSION=$(curl -s $BEAMCAT/icat/session --data-urlencode 'json={login}' | cut -d'"' -f4); echo $SESSION

2. Ask for your experiments.
   curl -sG $BEAMCAT/icat/entityManager -d sessionId=$SESSION --data-urlencode "query={titles}"

3. Try to change what is not yours to change: a visitor reads this dataset, but only its principal investigator writes.
   ID=$(curl -sG $BEAMCAT/icat/entityManager -d sessionId=$SESSION --data-urlencode "query={dataset}" | tr -d '[]')
   curl -s $BEAMCAT/icat/entityManager -d sessionId=$SESSION --data-urlencode 'entities={change}'
"""
