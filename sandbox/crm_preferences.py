"""Who wants mails of the CRM: ``/communication-preferences/v4/statuses``, with the shapes of the public API.

As real as it hurts: a contact shows an opt-out as a property ``hs_email_optout_<subscription>`` that is ``true`` or
blank and cannot be written; and nobody but the person can undo an opt-out of their own.
"""

from .messages import ApiError, Response, no_route

STATES = ("SUBSCRIBED", "UNSUBSCRIBED", "NOT_SPECIFIED")
BASES = ("LEGITIMATE_INTEREST_CLIENT", "CONSENT_WITH_NOTICE", "PERFORMANCE_OF_CONTRACT", "NON_GDPR")
SUBSCRIPTIONS = {7: "Newsletter"}


def optout(subscription):
    return f"hs_email_optout_{subscription}"


class Preferences:
    def __init__(self, crm):
        self.crm = crm
        self.rows = {}  # (address, subscription) -> status
        self.own = set()  # what people have left by themselves
        self.calls = []

    def serve(self, request, parts):
        if parts == ["definitions"] and request.method == "GET":
            return Response.of({"results": [
                {"id": str(key), "name": name, "isActive": True} for key, name in SUBSCRIPTIONS.items()]})
        if parts == ["statuses", "batch", "write"] and request.method == "POST":
            return self._answered([self._try(item) for item in request.json_object().get("inputs") or ()])
        if len(parts) == 2 and parts[0] == "statuses":
            if request.method == "GET":
                return self._answered([self._shown(parts[1].casefold(), key) for key in SUBSCRIPTIONS])
            if request.method == "POST":
                found = self._try({**request.json_object(), "subscriberIdString": parts[1]})
                if "category" in found:
                    raise ApiError(400, found["category"], found["message"])
                return self._answered([found])
        raise no_route()

    @staticmethod
    def _answered(found):
        problems = [item for item in found if "category" in item]
        answer = {"status": "COMPLETE", "results": [item for item in found if "category" not in item]}
        return Response.of({**answer, "numErrors": len(problems), "errors": problems} if problems else answer)

    def _shown(self, address, key):
        return {
            "channel": "EMAIL", "subscriberIdString": address, "subscriptionId": key, "subscriptionName": SUBSCRIPTIONS[key],
            "status": self.rows.get((address, key), "NOT_SPECIFIED"), "source": "API",
        }  # fmt: skip

    def _try(self, item):
        """The new status, or what is wrong with it."""
        address = str(item.get("subscriberIdString") or "").strip().casefold()
        key, state = item.get("subscriptionId"), item.get("statusState")
        if "@" not in address or key not in SUBSCRIPTIONS or state not in STATES or item.get("channel") != "EMAIL":
            return {"category": "VALIDATION_ERROR", "message": f"Invalid subscription status for '{address}'"}
        if item.get("legalBasis") not in BASES:
            return {"category": "VALIDATION_ERROR", "message": "A legal basis is required"}
        if state == "SUBSCRIBED" and (address, key) in self.own:
            return {"category": "VALIDATION_ERROR", "message": f"{address} has unsubscribed and cannot be resubscribed"}
        self.calls.append((address, state))
        self.app_wrote()
        self.set(address, key, state)
        return self._shown(address, key)

    def app_wrote(self):
        self.crm.app.metrics.wrote("update", "crm.preferences")

    def leave(self, address, key, *, back=False):
        """What a person does with the link in a mail."""
        own = (address.casefold(), key)
        (self.own.discard if back else self.own.add)(own)
        self.set(*own, "SUBSCRIBED" if back else "UNSUBSCRIBED")

    def set(self, address, key, state):
        self.rows[address, key] = state
        for record in self.crm.objects["contacts"].values():
            if str(record["properties"].get("email") or "").casefold() == address:
                self.crm.note_optout(record, optout(key), "true" if state == "UNSUBSCRIBED" else None)
