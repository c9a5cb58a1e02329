"""Numbers, sizes and times as people of a language read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_decimal

from beamcat.portal.words import Words

UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NONE = "–"
"""What is shown where nothing is known."""


class Formatting:
    """How a visitor is told values. Times are told in `zone`."""

    def __init__(self, words: Words, zone: tzinfo) -> None:
        self._locale = words.locale
        self._words = words
        self.zone = zone

    def number(self, value: float | None) -> str:
        """`1 214 806`, with thin spaces where the language has them."""
        return NONE if value is None else str(format_decimal(value, locale=self._locale))

    def value(self, value: float | None, digits: int = 6) -> str:
        """A measured value, with as many significant digits as make sense."""
        if value is None:
            return NONE
        if value != 0 and not 1e-4 <= abs(value) < 1e9:
            mantissa, _, exponent = f"{value:.{digits}g}".partition("e")
            if not exponent:
                return mantissa
            told = format_decimal(float(mantissa), locale=self._locale, format="#,##0.##########")
            return f"{told} × 10{str(int(exponent)).translate(_RAISED)}"
        return str(format_decimal(float(f"{value:.{digits}g}"), locale=self._locale, format="#,##0.##########"))

    def size(self, size: int | None) -> str:
        """`6.4 TB`: powers of 1000, as storage is bought."""
        if size is None:
            return NONE
        number, unit = float(size), UNITS[0]
        for unit in UNITS:
            if number < 999.5 or unit == UNITS[-1]:
                break
            number /= 1000
        pattern = "#,##0" if unit == "B" or number >= 99.95 else "#,##0.0" if number >= 9.995 else "#,##0.0#"
        return f"{format_decimal(number, format=pattern, locale=self._locale)} {unit}"

    def date(self, moment: datetime | None) -> str:
        """`13 Nov 2026`."""
        if moment is None:
            return NONE
        return str(format_date(moment.astimezone(self.zone), "d MMM y", locale=self._locale))

    def month(self, moment: datetime) -> str:
        """`November 2026`."""
        return str(format_date(moment.astimezone(self.zone), "LLLL y", locale=self._locale))

    def moment(self, moment: datetime | None) -> str:
        """`13 Nov 2026, 09:04`."""
        if moment is None:
            return NONE
        return str(format_datetime(moment.astimezone(self.zone), "d MMM y, HH:mm", locale=self._locale))

    def exact(self, moment: datetime) -> str:
        """To the second with the zone: for titles."""
        told = format_datetime(moment.astimezone(self.zone), "d MMM y, HH:mm:ss", locale=self._locale)
        return f"{told} {self.zone_name(moment)}"

    def iso(self, moment: datetime) -> str:
        """For `<time datetime>`."""
        return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

    def span(self, first: datetime | None, last: datetime | None) -> str:
        """`13–17 Nov 2026`: both days count."""
        if first is None or last is None:
            return self.date(first or last)
        one, other = first.astimezone(self.zone).date(), last.astimezone(self.zone).date()
        if one == other:
            return self.date(first)
        if (one.year, one.month) == (other.year, other.month):
            return f"{format_date(one, 'd', locale=self._locale)}–{self.date(last)}"
        return f"{self.date(first)} – {self.date(last)}"

    def zone_name(self, moment: datetime) -> str:
        """`CET`: the zone in which times are told."""
        return moment.astimezone(self.zone).tzname() or "UTC"

    def ago(self, moment: datetime, now: datetime) -> str:
        """`3 hours ago`."""
        return str(format_timedelta(moment - now, add_direction=True, locale=self._locale))

    def duration(self, seconds: float) -> str:
        """`3 hours`."""
        return str(format_timedelta(timedelta(seconds=seconds), locale=self._locale))
