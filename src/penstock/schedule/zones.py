"""The time zones of schedules: Windows' names, as Azure takes them, and those of the IANA."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# Windows keeps these for old files only, so CLDR's table has them no more: daylight saving ended there (Kamchatka in
# 2011) or was never a zone of a place (the Mid-Atlantic).
_OLD = {"Kamchatka Standard Time": "Asia/Kamchatka", "Mid-Atlantic Standard Time": "Etc/GMT+2"}


def zone_of(name: str) -> ZoneInfo:
    """The zone of a name in any case: `W. Europe Standard Time`, `UTC`, `Europe/Berlin`.

    Windows' names are those of CLDR's windowsZones, territory 001, as tzlocal has them. Raises ValueError for a name
    that neither list has.
    """
    from tzlocal.windows_tz import win_tz

    windows = {key.lower(): value for key, value in {**win_tz, **_OLD}.items()}
    try:
        return ZoneInfo(windows.get(name.strip().lower(), name.strip()))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone '{name}'") from None
