"""Where the simulated profile is."""

from __future__ import annotations

from pathlib import Path

_NAME = "profile_collection_sim"


def sim_profile() -> Path:
    """Return the folder of the simulated profile.

    It is inside the package when that is installed, and beside it in a checkout.

    Raises
    ------
    FileNotFoundError
        When it is in neither place: the installation is damaged.
    """
    package = Path(__file__).resolve().parent
    places = (package / _NAME, package.parent / _NAME)
    for place in places:
        if place.is_dir():
            return place
    raise FileNotFoundError(
        f"The simulated profile is neither in '{places[0]}' nor in '{places[1]}'. "
        "Install the package again"
    )


def is_sim_profile(folder: Path) -> bool:
    """Return True for the folder of the simulated profile, which is never written."""
    try:
        return folder.resolve() == sim_profile()
    except FileNotFoundError:
        return False
