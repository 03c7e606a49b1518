"""Installs more vendors' SDKs at pinned versions: Python ones into `vendors`, Node ones into `node`, below the folder given.

Each part that cannot be installed leaves its reason in `skipped.txt` there; the tests print it. Prints nothing when all is
there already.
"""

import pathlib
import shutil
import subprocess
import sys
import venv

PYTHON = [
    "google-genai==3.6.1",
    "mistralai==3.7.0",
    "groq==1.7.0",
    "cohere==7.3.1",
    "xai-sdk==1.21.0",
    "openai==3.57.0",
]
NODE = [
    "@anthropic-ai/sdk@1.13.0",
    "openai@7.57.0",
    "@google/genai@3.3.0",
    "undici@7.16.0",
]


def part(folder: pathlib.Path, wanted: list[str], install) -> None:
    stamp = folder / "installed.txt"
    if stamp.exists() and stamp.read_text() == "\n".join(wanted):
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print(f"installing {len(wanted)} packages into {folder}", file=sys.stderr)
    try:
        install(folder)
        stamp.write_text("\n".join(wanted))
    except (OSError, subprocess.CalledProcessError) as error:
        (folder / "skipped.txt").write_text(f"{folder.name} packages cannot be installed: {error}")
        print(error, file=sys.stderr)


def python(folder: pathlib.Path) -> None:
    venv.create(folder, with_pip=True)
    subprocess.run([folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", *PYTHON], check=True)


def node(folder: pathlib.Path) -> None:
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--save-exact", *NODE]
    subprocess.run(command, cwd=folder, check=True)


def main() -> int:
    folder = pathlib.Path(sys.argv[1])
    part(folder / "vendors", PYTHON, python)
    part(folder / "node", NODE, node)
    return 0


if __name__ == "__main__":
    sys.exit(main())
