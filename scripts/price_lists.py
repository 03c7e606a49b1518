#!/usr/bin/env python3
"""Fetches the price lists that `halton-meter pricing import` reads, out of the packages that publish them.

    python3 scripts/price_lists.py DIR

writes DIR/litellm.json and DIR/model-prices.json (copies out of the wheels) and DIR/genai-prices.json (the package's tables
as its `data.json` has them). For people who review an import; nothing of the product runs it.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import zipfile


def wheel(name: str, folder: pathlib.Path) -> pathlib.Path:
    """Downloads the newest wheel of a package with the ordinary client."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), name]
    subprocess.run(command, check=True)
    return next(folder.glob(name.replace("-", "_") + "-*.whl"))


def genai(folder: pathlib.Path) -> list:
    """The tables of genai-prices, without importing anything but the package itself."""
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    subprocess.run([str(venv / "bin" / "pip"), "install", "--quiet", "genai-prices"], check=True)
    program = """
import json
from genai_prices import data

def price(value):
    if hasattr(value, "tiers"):
        return {"base": str(value.base), "tiers": [{"start": t.start, "price": str(t.price)} for t in value.tiers]}
    return str(value)

def prices(table):
    return {key: price(value) for key, value in vars(table).items() if value is not None and not key.startswith("_")}

def constraint(one):
    if one is None:
        return None
    if hasattr(one, "start_date"):
        return {"start_date": str(one.start_date)}
    return {"start_time": str(one.start_time), "end_time": str(one.end_time)}

def model(one):
    table = one.prices
    if isinstance(table, list):
        table = [{"constraint": constraint(row.constraint), "prices": prices(row.prices)} for row in table]
    else:
        table = prices(table)
    variants = [
        {"when": v.when, "constraint": constraint(v.constraint), "prices": prices(v.prices)} for v in one.price_variants or []
    ]
    return {"id": one.id, "prices": table, "price_variants": variants}

print(json.dumps([
    {"id": p.id, "pricing_urls": p.pricing_urls or [], "models": [model(m) for m in p.models]} for p in data.providers
]))
"""
    shown = subprocess.run([str(venv / "bin" / "python"), "-c", program], check=True, capture_output=True, text=True)
    return json.loads(shown.stdout)


def main() -> None:
    target = pathlib.Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        with zipfile.ZipFile(wheel("litellm", folder)) as package:
            name = next(n for n in package.namelist() if n.endswith("model_prices_and_context_window_backup.json"))
            (target / "litellm.json").write_bytes(package.read(name))
        with zipfile.ZipFile(wheel("model-prices", folder)) as package:
            (target / "model-prices.json").write_bytes(package.read("model_prices/snapshot.json"))
        (target / "genai-prices.json").write_text(json.dumps(genai(folder)))


if __name__ == "__main__":
    main()
