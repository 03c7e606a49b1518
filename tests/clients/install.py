"""Installs the clients that the whole-product tests drive, at pinned versions, into the folder given.

Needs Python 3.11 or newer and its package index. Prints nothing when all is there already.
"""

import pathlib
import subprocess
import sys
import venv

PINNED = [
    "anthropic==2.13.0",
    "openai==3.57.0",
    "grpcio==1.85.3",
    "httpx[http2]==0.28.1",
    "websockets==17.4",
    "h2==4.4.1",
]


def main() -> int:
    folder = pathlib.Path(sys.argv[1])
    stamp = folder / "installed.txt"
    wanted = "\n".join(PINNED)
    if stamp.exists() and stamp.read_text() == wanted:
        return 0
    print(f"installing {len(PINNED)} client packages into {folder}", file=sys.stderr)
    venv.create(folder, with_pip=True, clear=True)
    pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(pip + PINNED)
    if done.returncode != 0:
        print("pip could not install the client packages", file=sys.stderr)
        return 1
    stamp.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
