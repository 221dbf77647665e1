"""The globs of `watch`, in the host's way."""

import string

DATASITES = "/datasites"
DATASITE = "{datasite}"
# The owner while a component is built, and where their files seem to be.
EMAIL = "owner@datasite.invalid"
STAND_IN = "/syft_start/datasites"


def host_glob(glob, app=None):
    """Returns a glob in the host's way. As in the release, one that begins with no datasite
    matches at any depth."""
    if not isinstance(glob, str):
        raise TypeError(f"{glob!r} is no glob")
    glob = _named(_fill(glob), app)
    mark, glob = ("!", glob[1:]) if glob.startswith("!") else ("", glob)
    if glob == DATASITES or glob.startswith(DATASITES + "/"):
        glob = glob.removeprefix(DATASITES).lstrip("/")
    if glob.startswith("/"):
        return mark + glob
    first = glob.split("/")[0]
    is_below_a_datasite = "/" in glob and ("@" in first or first.startswith("{"))
    if is_below_a_datasite or glob.startswith("**/") or glob in ("", "**"):
        return mark + (glob or "**")
    return f"{mark}**/{glob}"


def _named(glob, app):
    """Names the owner and the app in place of what stands for them."""
    mark, glob = ("!", glob[1:]) if glob.startswith("!") else ("", glob)
    if STAND_IN in glob and glob.startswith("/"):
        glob = DATASITES + glob.partition(STAND_IN)[2]
    glob = glob.replace(EMAIL, DATASITE)
    own = f"{DATASITE}/app_data/{app}"
    if app and (glob.endswith(own) or f"{own}/" in glob):
        glob = glob.replace(own, "{app_data}")
    return mark + glob


def _fill(glob):
    """Undoubles braces, as `str.format` does in the release, where it would not fail."""
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(glob) if field is not None]
    except ValueError:
        return glob
    if not all(field in ("email", "datasite", "app_data") for field in fields):
        return glob
    return glob.format(email="{email}", datasite="{datasite}", app_data="{app_data}")
