"""What the command line says of settings: its own options, and ``--set``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from bertwright.errors import UsageError


def given_settings(
    options: Mapping[str, object], assignments: Sequence[str], lengths: Collection[str] = ()
) -> dict[str, object]:
    """Dotted name -> value of what the command line says, to override a file with.

    Args:
        options: setting -> what its own option says, None where that was not given.
        assignments: of ``--set``, as NAME=VALUE.
        lengths: settings of which a run has one. Where the command line says one, the file's is replaced;
            where it says two, so does the result, and the settings refuse them.

    Raises:
        SettingsError: see :func:`bertwright.config.settings.parse_assignments`.
        UsageError: a setting has its own option and ``--set``.
    """
    from bertwright.config.settings import parse_assignments

    assigned = parse_assignments(assignments)
    own = {name: value for name, value in options.items() if value is not None}
    for name in own:
        if name in assigned:
            raise UsageError(f"--set {name}: its own option is given, too (say which value is meant)")
    given = {**assigned, **own}
    if any(name in given for name in lengths):
        return {**dict.fromkeys(lengths), **given}
    return given
