"""The commands of a facility that brings data to another directory, in the background: `hauler.py COMMAND FOLDER`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path


def main(command: str, folder: Path) -> None:
    asked = json.load(sys.stdin)
    answer = {
        "check": check,
        "begin": begin,
        "poll": poll,
        "cancel": cancel,
        "publish": publish,
        "expire": expire,
    }[command](asked, folder)
    print(json.dumps(answer))


def check(asked: dict, folder: Path) -> dict:
    known = asked["download"]["user"]["name"] != "simple/stranger"
    return {"ok": known} if known else {"ok": False, "reason": "nobody knows you there"}


def begin(asked: dict, folder: Path) -> dict:
    """The files are moved by a process of its own; what it does is in `jobs`. A known ticket is begun already."""
    ticket = f"{asked['download']['id']}-{asked['batch']['number']}-{asked['batch']['round']}"
    job = folder / "jobs" / ticket
    if job.exists():
        return {"ticket": ticket}
    job.mkdir(parents=True)
    (job / "files").write_text(json.dumps(asked["files"]))
    where = folder / "data" / str(asked["download"]["id"])
    subprocess.Popen(
        [sys.executable, __file__, "haul", str(job), str(where)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    return {"ticket": ticket}


def haul(job: Path, where: Path) -> None:
    done = {"state": "WORKING", "filesDone": 0, "bytesDone": 0, "failed": []}
    for file in json.loads((job / "files").read_text()):
        try:
            target = where / file["name"]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file["path"], target)
            assert target.stat().st_size == file["size"]
            done["filesDone"] += 1
            done["bytesDone"] += file["size"]
        except OSError as error:
            done["failed"].append({"id": file["id"], "reason": str(error), "final": True})
        if (job / "canceled").exists():
            break
    (job / "new").write_text(json.dumps({**done, "state": "DONE"}))
    (job / "new").rename(job / "done")


def poll(asked: dict, folder: Path) -> dict:
    files = {ticket: folder / "jobs" / ticket / "done" for ticket in asked["tickets"]}
    return {"batches": {ticket: json.loads(file.read_text()) for ticket, file in files.items() if file.exists()}}


def cancel(asked: dict, folder: Path) -> dict:
    for ticket in asked["tickets"]:
        job = folder / "jobs" / ticket
        if job.exists() and not (job / "done").exists():
            (job / "canceled").touch()
            while not (job / "done").exists():
                pass
    return {}


def publish(asked: dict, folder: Path) -> dict:
    return {"endpoint": f"globus://{asked['download']['id']}", "token": "one-time", "text": "log in to the platform"}


def expire(asked: dict, folder: Path) -> dict:
    where = folder / "data" / str(asked["download"]["id"])
    freed = sum(path.stat().st_size for path in where.rglob("*") if path.is_file())
    shutil.rmtree(where, ignore_errors=True)
    return {"bytes": freed}


if __name__ == "__main__":
    if sys.argv[1] == "haul":
        haul(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main(sys.argv[1], Path(sys.argv[2]))
