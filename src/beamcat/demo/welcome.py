"""What `beamcat demo` prints when it is ready."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

from beamcat.demo.examples import ON_DISK, ON_TAPE
from beamcat.demo.settings import PASSWORD

ACCOUNT_NOTES = (
    ("simple/root", "administrator"),
    ("db/visitor", "a scientist who took part in three investigations"),
    ("db/pi", "principal investigator of six"),
    ("db/staff", "instrument scientist of ML07 and ML14"),
    ("db/curator", "reads all, cares for publications"),
    ("anon", "without an account or password: open data"),
)


DOWNLOADS = "meridian"
"""The folder, below the one they are pasted in, that the command lines download to."""


COLD = "-d kind=dataset -d fields=name,startDate -d limit=3"
"""Which objects the search for a temperature is for, and what is told of them."""


def welcome(base_url: str) -> str:
    """The address, the accounts, and things to try; every command line works as it stands."""
    accounts = "\n".join(f"  {name:<12} {note}" for name, note in ACCOUNT_NOTES)
    titles = "SELECT i.visitId, i.title FROM Investigation i JOIN i.investigationUsers u WHERE u.user.name = :user"
    # writing needs an id: the one of a dataset the visitor may read
    dataset = "SELECT MIN(d.id) FROM Dataset d JOIN d.investigation.investigationUsers u WHERE u.user.name = :user"
    change = '{"Dataset":{"id":\'$ID\',"description":"mine now"}}'
    program = own_command()
    return f"""\
Beamcat is ready at {base_url}

Accounts, all with the password "{PASSWORD}":
{accounts}

Things to try, in another terminal. What is downloaded goes to the folder {DOWNLOADS}/ there.

1. Sign in.
   BEAMCAT={base_url}
   SESSION={_session("db", "visitor")}; echo $SESSION

2. Ask for your experiments.
   curl -sG $BEAMCAT/icat/entityManager -d sessionId=$SESSION --data-urlencode "query={titles}"

3. Search: words, places of files, and values in any unit.
   {program} find "iron spin-crossover" --kind investigation --server $BEAMCAT
   {program} find "*charge3C*/*_master.h5" --kind datafile --server $BEAMCAT
   curl -sG $BEAMCAT/api/search -H "Authorization: Bearer $SESSION" {COLD} --data-urlencode "q=temperature < 20 degC"

4. Try to change what is not yours to change: a visitor reads this dataset, but only its principal investigator writes.
   ID=$(curl -sG $BEAMCAT/icat/entityManager -d sessionId=$SESSION --data-urlencode "query={dataset}" | tr -d '[]')
   curl -s $BEAMCAT/icat/entityManager -d sessionId=$SESSION --data-urlencode 'entities={change}'

5. Get open data: a file with curl, a dataset with aria2, and one with Beamcat's own program, which verifies it.
   curl -fsS --create-dirs -o {DOWNLOADS}/{ON_DISK.file} $BEAMCAT{ON_DISK.file_path}
   aria2c -q --follow-metalink=mem -d {DOWNLOADS}/aria2 $BEAMCAT{ON_DISK.path}.meta4
   {program} get $BEAMCAT{ON_DISK.path} {DOWNLOADS}

6. Get data that are on tape: you are told when to come back, the administrator sees the queue, who waits gets the data.
   curl -s -D - -o /dev/null $BEAMCAT{ON_TAPE.path}.zip | grep -iE '^(HTTP|Retry-After|Link)'
   ROOT={_session("simple", "root")}; curl -s "$BEAMCAT/ids/getRestoreQueue?sessionId=$ROOT"; echo
   {program} get $BEAMCAT{ON_TAPE.path} {DOWNLOADS}
"""


def own_command() -> str:
    """What to type for `beamcat`: a shell may find another program than the one that is running, or none."""
    program = Path(sys.executable).with_name("beamcat")
    if not program.exists():
        return f"{shlex.quote(sys.executable)} -m beamcat"
    found = shutil.which("beamcat")
    return "beamcat" if found is not None and Path(found).samefile(program) else shlex.quote(str(program))


def _session(plugin: str, name: str) -> str:
    login = f'{{"plugin":"{plugin}","credentials":[{{"username":"{name}"}},{{"password":"{PASSWORD}"}}]}}'
    return f"$(curl -s $BEAMCAT/icat/session --data-urlencode 'json={login}' | cut -d'\"' -f4)"
