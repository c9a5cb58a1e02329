from __future__ import annotations

import asyncio
import time

import pytest
from argon2 import PasswordHasher

from beamcat.access.passwords import LONGEST_PASSWORD, Passwords
from beamcat.errors import BadParameter, Unavailable

# Made by `openssl passwd -1|-5|-6 -salt beamcat sunshine`, and by the crypt(3) of glibc.
OLDER_FORMATS = {
    "plain": "sunshine",
    "md5": "$1$beamcat$7r0RwbmEd2Ar7Rca3wOXB1",
    "sha256": "$5$beamcat$qaSSvXhmIF/6s8OMSWZhigfIMnNnn39YFND/8a05Ai3",
    "sha512": "$6$beamcat$Z5BihQg3GExMSRZ5/WS0Pp3NXcFWHdJX7jcQa4NdmB88Evp5FFx4OWOmTzvgRgfp/TpemQEPgsBSRUrh0nQyY.",
    "sha512 with rounds": "$6$rounds=7000$beamcat$"
    "Dh3pxpb14d97kbNVUsERi4O0VokR8ti2hKPGDFYC4Vgy48At.eM/UCHXz57lD.vFiei6yF/x7CmATkABEDhz1.",
    "bcrypt": "$2b$06$abcdefghijklmnopqrstuuQsihld09Cr71SjB26jemkjqJ/b0QpvO",
}


@pytest.fixture(scope="module")
def passwords() -> Passwords:
    """With cheap hashes: a dear one takes a quarter of a second, and a refusal always takes one."""
    return Passwords(hasher=PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


async def test_a_password_is_made_into_argon2id_and_read_back() -> None:
    passwords = Passwords()
    stored = await passwords.make("sunshine")
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")  # RFC 9106, section 4, the second choice
    assert "sunshine" not in stored
    assert await passwords.verify("sunshine", stored)
    assert not await passwords.verify("Sunshine", stored)


async def test_equal_passwords_have_different_hashes(passwords: Passwords) -> None:
    assert await passwords.make("sunshine") != await passwords.make("sunshine")


@pytest.mark.parametrize("stored", OLDER_FORMATS.values(), ids=OLDER_FORMATS.keys())
async def test_what_icats_authenticators_stored_is_readable(passwords: Passwords, stored: str) -> None:
    assert await passwords.verify("sunshine", stored)
    assert not await passwords.verify("sunshine ", stored)
    assert not await passwords.verify("", stored)


@pytest.mark.parametrize("stored", OLDER_FORMATS.values(), ids=OLDER_FORMATS.keys())
async def test_an_older_format_is_upgraded_to_argon2(passwords: Passwords, stored: str) -> None:
    better = await passwords.upgraded("sunshine", stored)
    assert better is not None
    assert better.startswith("$argon2id$")
    assert await passwords.verify("sunshine", better)
    assert await passwords.upgraded("sunshine", better) is None


@pytest.mark.parametrize("stored", ["", "$6$broken", "$argon2id$broken", "$9$salt$hash", "$", "$6$", "$$"])
async def test_what_cannot_be_read_matches_nothing(passwords: Passwords, stored: str) -> None:
    assert not await passwords.verify("sunshine", stored)
    assert not await passwords.verify(stored, stored)


async def test_a_hash_is_not_a_password(passwords: Passwords) -> None:
    stored = await passwords.make("sunshine")
    assert not await passwords.verify(stored, stored)


@pytest.mark.parametrize("password", ["caf\u00e9 \U0001f300", "half \ud800", "nul \0 inside"])
async def test_odd_characters_are_compared_or_refused_but_never_break(passwords: Passwords, password: str) -> None:
    stored = await passwords.make(password)
    assert await passwords.verify(password, stored)
    for older in OLDER_FORMATS.values():
        assert not await passwords.verify(password, older)


async def test_a_password_has_a_largest_length(passwords: Passwords) -> None:
    longest = "x" * LONGEST_PASSWORD
    assert await passwords.verify(longest, await passwords.make(longest))
    assert not await passwords.verify(longest + "x", longest)
    assert not await passwords.verify("x" * 10_000_000, longest)
    for refused in ("", longest + "x"):
        with pytest.raises(BadParameter):
            await passwords.make(refused)


async def test_an_unknown_user_costs_as_much_as_a_wrong_password() -> None:
    passwords = Passwords()
    every = [await passwords.make("sunshine"), None, "sunshine", OLDER_FORMATS["sha512"], ""]
    least = [float("inf")] * len(every)
    for _ in range(5):
        for n, stored in enumerate(every):
            started = time.process_time()
            assert not await passwords.verify("rain", stored)
            least[n] = min(least[n], time.process_time() - started)
    assert max(least) < 2 * min(least)


def test_nothing_is_hashed_before_somebody_signs_in() -> None:
    started = time.process_time()
    for _ in range(10):
        Passwords()
    assert time.process_time() - started < 0.05


async def test_the_loop_is_free_while_a_password_is_checked() -> None:
    passwords = Passwords()
    checking = asyncio.create_task(passwords.verify("rain", None))
    turns = 0
    while not checking.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert turns > 3


async def test_more_logins_than_can_wait_are_told_to_come_back() -> None:
    passwords = Passwords(at_once=1, waiting_at_most=2)
    results = await asyncio.gather(*(passwords.verify("rain", "x") for _ in range(6)), return_exceptions=True)
    assert [isinstance(result, Unavailable) for result in results] == [False] * 3 + [True] * 3
    assert await passwords.verify("x", "x")
