"""Writes skus.tsv: what people call each licence product.

Takes the path of a JSON file that holds the vendor's published product table as
{"skus": [{"skuId", "skuPartNumber", "displayName", "hasTeams", ...}]}, and writes to stdout.

    python3 skus.py PRODUCTS.json > src/skus.tsv
"""

import json
import sys
import uuid


def main(path):
    with open(path, encoding="utf-8") as source:
        products = json.load(source)["skus"]
    rows = []
    for product in products:
        row = (
            str(uuid.UUID(product["skuId"])),
            product["skuPartNumber"],
            product["displayName"],
            "teams" if product["hasTeams"] else "-",
        )
        if any("\t" in cell or "\n" in cell for cell in row):
            raise SystemExit(f"a tab or line break in {row!r}")
        rows.append(row)
    for row in sorted(rows, key=lambda row: (row[1].lower(), row[0])):
        print("\t".join(row))


if __name__ == "__main__":
    main(sys.argv[1])
