"""A data warehouse beside the shop: ``/warehouse/v1/...`` takes history in bulk and gives forecasts.

Rows are kept by their key, so that loading the same ones again changes nothing; each row is accepted or refused by
itself. Bodies come as JSON ``{"rows": [...]}`` or as CSV with a heading, packed by gzip or not; the answer has the format
of the request. The shapes are this sandbox's own, as each warehouse has others.
"""

import csv
import gzip
import io
import time
import zlib
from datetime import UTC, datetime

from .auth import same
from .messages import ApiError, Response, no_route
from .system import System

MOST_ROWS = 20_000
KEY = "row_key"


class Warehouse(System):
    def clear(self):
        with self.lock:
            self.tables = {}  # name -> {key: row}
            self.loads = []  # one entry a load that was carried out
            self.forecasts = {}  # key -> forecast
            self.last_update = 0

    def refusal(self, error):
        return Response.of({"error": {"code": error.code, "message": error.message}}, error.status, error.headers)

    def serve(self, request):
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not same(token.strip(), self.app.settings.api_key):
            raise ApiError(401, "unauthorized", "The access token is not valid.")
        parts = request.segments[1:]
        with self.lock:
            if parts[:2] == ["v1", "load"] and len(parts) == 3 and request.method in ("POST", "PUT"):
                return self._load(request, parts[2])
            if parts[:2] == ["v1", "tables"] and len(parts) == 3 and request.method == "GET":
                rows = self.tables.get(parts[2], {})
                loads = [load for load in self.loads if load["table"] == parts[2]]
                return Response.of({"table": parts[2], "rows": list(rows.values()), "loads": loads})
            if parts == ["v1", "forecasts"] and request.method == "GET":
                return self._forecasts(request)
            if parts == ["v1", "forecasts"] and request.method == "PUT":
                return self._put_forecasts(request.json())
        raise no_route()

    # History in

    def _load(self, request, table):
        body, packed = self._unpacked(request)
        is_csv = "csv" in request.headers.get("content-type", "")
        if is_csv:
            rows = list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"))))
        else:
            request.body = body
            rows = request.json_object().get("rows")
        if not isinstance(rows, list):
            raise ApiError(400, "no_rows", "The body must hold rows.")
        if len(rows) > MOST_ROWS:
            raise ApiError(413, "too_many_rows", f"At most {MOST_ROWS} rows in one load.")
        results = [self._keep(self.tables.setdefault(table, {}), row) for row in rows]
        self.loads.append({
            "table": table, "rows": len(rows), "format": "csv" if is_csv else "json", "gzip": packed,
            "bytes": len(body), "refused": sum(1 for result in results if result["error"]),
        })  # fmt: skip
        if not is_csv:
            return Response.of({"results": results})
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, (KEY, "error"), lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(results)
        return Response(text.getvalue().encode(), content_type="text/csv; charset=utf-8")

    @staticmethod
    def _unpacked(request):
        if request.headers.get("content-encoding", "") != "gzip":
            return request.body, False
        try:
            return gzip.decompress(request.body), True
        except (OSError, EOFError, zlib.error):
            raise ApiError(400, "bad_encoding", "The body is not gzip.") from None

    def _keep(self, rows, row):
        key = str(row.get(KEY) or "") if isinstance(row, dict) else ""
        if not key:
            return {KEY: "", "error": f"{KEY} is missing"}
        if any(isinstance(value, dict | list) for value in row.values()):
            return {KEY: key, "error": "values must be plain"}
        rows[key] = row
        return {KEY: key, "error": None}

    # Forecasts out

    def _put_forecasts(self, forecasts):
        """What the planners of the warehouse have computed: ``[{"sku", "warehouse", "minimum", "maximum"}]``, with
        ``updated_at`` when it was not computed just now."""
        now = datetime.fromtimestamp(time.time() + self.app.settings.clock_offset, UTC)
        for forecast in forecasts:
            self.last_update += 1
            key = f"{forecast['sku']}/{forecast['warehouse']}"
            self.forecasts[key] = {
                "updated_at": now.isoformat(timespec="seconds").replace("+00:00", "Z"), **forecast,
                "updated": self.last_update,
            }  # fmt: skip
        return Response.of({"kept": len(forecasts)})

    def _forecasts(self, request):
        """Changed at the moment ``since`` or later, in the order of their versions, by pages."""
        limit = int(request.param("limit", "100"))
        after = int(request.param("after") or 0)
        since = _moment(request.param("since") or "1970-01-01T00:00:00Z")
        rest = sorted(
            (row for row in self.forecasts.values() if row["updated"] > after and _moment(row["updated_at"]) >= since),
            key=lambda row: row["updated"],
        )
        more = rest[limit - 1]["updated"] if len(rest) > limit else None
        return Response.of({"forecasts": rest[:limit], "next": more})


def _moment(text):
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise ApiError(400, "bad_moment", "A moment looks like 2026-01-31T12:00:00Z.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
