"""Where the files that come with the package lie: configurations and geometries."""

from pathlib import Path


def resource_path(name: str) -> Path:
    """Path of a folder or file that comes with the package.

    A wheel carries these below `pointcalo/_data`; in a checkout (and so in an editable install)
    they lie beside the package.

    Args:
        name: path relative to the top level of the project, e.g. "geometries/toy.yaml".

    Returns:
        The first that exists of `pointcalo/_data/name` and `../name`.

    Raises:
        FileNotFoundError: the installation has no such file.
    """
    package = Path(__file__).resolve().parent
    candidates = (package / "_data" / name, package.parent / name)
    for path in candidates:
        if path.exists():
            return path
    raise FileNotFoundError(
        f"{name} is not part of this installation of pointcalo (looked for {candidates[0]} and"
        f" {candidates[1]}); reinstall the package"
    )


def folder(name: str) -> Path:
    """Path of a folder that comes with the package: "configs" or "geometries".

    Raises:
        FileNotFoundError: the installation has no such folder.
    """
    path = resource_path(name)
    if not path.is_dir():
        raise FileNotFoundError(f"{path} is a file, expected a folder; reinstall the package")
    return path
