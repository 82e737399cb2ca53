"""Lists of the CRM (newsletters, segments): ``/crm/v3/lists``, and who is on them."""

from .messages import ApiError, Response, no_route

MOST_MEMBERS = 250


class Lists:
    def __init__(self, crm):
        self.crm = crm
        self.rows = {}

    def serve(self, request, parts):
        method = request.method
        if not parts and method == "POST":
            return Response.of({"list": self._shown(self._create(request.json_object()))})
        if parts == ["search"] and method == "POST":
            wanted = str(request.json_object().get("query") or "").casefold()
            found = [row for row in self.rows.values() if wanted in row["name"].casefold()]
            return Response.of({"lists": [self._shown(row) for row in found], "total": len(found), "hasMore": False})
        row = self.rows.get(parts[0]) if parts else None
        if row is None:
            raise ApiError(404, "OBJECT_NOT_FOUND", "List does not exist")
        if len(parts) == 1 and method == "GET":
            return Response.of({"list": self._shown(row)})
        if parts[1:] == ["memberships"] and method == "GET":
            return self._members(request, row)
        if parts[1:] in (["memberships", "add"], ["memberships", "remove"]) and method == "PUT":
            return self._change(request, row, parts[2])
        raise no_route()

    def _create(self, body):
        name = body.get("name")
        if not name or any(row["name"].casefold() == name.casefold() for row in self.rows.values()):
            raise ApiError(400, "VALIDATION_ERROR", "A list needs a name that no other list has")
        key = str(len(self.rows) + 1)
        self.rows[key] = {"listId": key, "name": name, "members": {}}
        return self.rows[key]

    @staticmethod
    def _shown(row):
        return {
            "listId": row["listId"], "name": row["name"], "objectTypeId": "0-1", "processingType": "MANUAL",
            "size": len(row["members"]),
        }  # fmt: skip

    def _members(self, request, row):
        """Members in the order of their IDs; merged contacts show as the one that survived."""
        limit, after = int(request.param("limit", "100")), int(request.param("after", "0"))
        if not 0 < limit <= MOST_MEMBERS:
            raise ApiError(400, "VALIDATION_ERROR", f"limit is at most {MOST_MEMBERS}")
        present = {
            int(self.crm.survivor("contacts", key)): since
            for key, since in row["members"].items()
            if self.crm.survivor("contacts", key) in self.crm.objects["contacts"]
        }
        rest = [key for key in sorted(present) if key > after]
        answer = {
            "results": [{"recordId": str(key), "membershipTimestamp": present[key]} for key in rest[:limit]]
        }
        if len(rest) > limit:
            answer["paging"] = {"next": {"after": str(rest[limit - 1])}}
        return Response.of(answer)

    def _change(self, request, row, verb):
        keys = [str(key) for key in request.json()]
        missing = [key for key in keys if self.crm.survivor("contacts", key) not in self.crm.objects["contacts"]]
        changed = [key for key in keys if key not in missing and (key in row["members"]) == (verb == "remove")]
        for key in changed:
            if verb == "add":
                row["members"][key] = self.crm.moment()
            else:
                del row["members"][key]
        done = {"add": "recordsIdsAdded", "remove": "recordIdsRemoved"}[verb]
        return Response.of({done: changed, "recordIdsMissing": missing})
