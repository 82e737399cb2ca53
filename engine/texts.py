"""The texts of the engine's own errors: code → (what happened, what to do next), for people.

``texts_core.py`` has those of core and transport; ``messages.py`` fills all of them in.
"""

from odoo.tools.translate import LazyTranslate

from .hints import ASK_PROVIDER, ASK_RULE

_lt = LazyTranslate(__name__)

# One entry reads as two lines, message and hint.
# fmt: off
ENGINE = {
    "files_failed": (
        _lt("%(count)s files could not be read. The last one, %(name)s: %(reason)s"),
        _lt("Open the files of the flow. Ask the provider for a corrected file of the same name, or press Read Again.")),
    "file_without_id": (
        _lt("A row of a file has no value at “%(path)s”, so that nobody could tell which record it is."),
        _lt("Add a field rule that sends the identifier of the record at this path, then retry.")),
    "broken_row": (
        _lt("Line %(line)s of the file cannot be read: %(reason)s."),
        _lt("Ask the provider to correct this line and to put the file there again. The other lines were read.")),
    "still_fetching": (
        _lt("%(fields)s: the other system has not fetched the file yet."),
        _lt("Nothing to do: it is looked again by itself.")),
    "file_not_fetched": (
        _lt("%(fields)s: the other system could not get the file: %(message)s"),
        _lt("Check the picture, and whether the other system can reach the web address of this database. Then retry: the "
            "file is sent again.")),
    "list_incomplete": (
        _lt("The list “%(path)s” of this record could not be read to its end."),
        _lt("Press Retry to read it again. If that does not help, look at the last exchanges of this flow: they show what "
            "the other system answered.")),
    "nothing_to_end": (
        _lt("%(flow)s: for this record nothing was made over there that could end."),
        _lt("Nothing to do. If it was made outside of Odoo, link it first.")),
    "left_alone": (
        _lt("%(connection)s is not asked at the moment, because it did not answer several times or its connection is "
            "paused."),
        _lt("It is tried again by itself. Look at the connection if it stays like this.")),
    "not_of_flow": (
        _lt("%(flow)s does not ask about %(record)s: its filter leaves it out."),
        _lt("Change the filter of the flow, or choose another record.")),
    "nothing_offered": (
        _lt("%(flow)s: the answer holds no offer."),
        _lt("Check address and weight. Some systems offer nothing for what they cannot carry.")),
    "file_missing": (
        _lt("The answer holds no file at “%(path)s”."),
        _lt("Retry: the other system may need a moment to make it. If it stays, correct the call on the flow.")),
    "file_unreadable": (
        _lt("What the answer holds at “%(path)s” is no file that can be read."), ASK_PROVIDER),
    "payload_pruned": (
        _lt("What was received of %(external_id)s has been removed after the time that the settings give it, and it could "
            "not be read again."),
        _lt("Press Read Everything on the flow: it brings the record again. An operation Read on the resource makes Retry "
            "and Resync read it by themselves.")),
    # -- Subscribers -----------------------------------------------------------------------------------------
    "subscriber_secret": (
        _lt("The subscriber has no secret to sign with, or one that is not valid."),
        _lt("Ask a technical administrator to press Rotate Secret on the subscriber, or to correct the environment "
            "variable that it names.")),
    # -- Records of the external system ----------------------------------------------------------------------
    "record_missing_id": (
        _lt("A record came without its identifier (expected at %(path)s)."),
        _lt("Ask an administrator to check the identifier path of the resource. If it is right, inform "
            "the provider.")),
    "record_id_too_long": (
        _lt("A record came with an identifier that is too long (at %(path)s, beginning with “%(start)s”; "
            "allowed: %(limit)s bytes)."),
        _lt("Ask an administrator to choose a shorter identifier path on the resource.")),
    "duplicate_in_page": (
        _lt("%(external_id)s came twice in the same data."),
        _lt("Look for a duplicate in the external system and remove it there, then retry.")),
    "not_an_object": (
        _lt("A single record was expected, but something else came (%(found)s, beginning with “%(start)s”)."),
        _lt("Ask an administrator to check the records path of the operation or of the webhook.")),
    "no_list": (
        _lt("A list of records was expected at “%(path)s”, but something else is there (%(found)s)."),
        _lt("Ask an administrator to check the records path of the operation.")),
    "missing_external_id_in_answer": (
        _lt("The record was sent, but the answer has no identifier at “%(path)s”."),
        _lt("Look for the record in the external system and link it by hand, so that it is not created "
            "twice. "
            "An administrator can then correct the identifier path of the resource.")),
    "bulk_item_missing": (
        _lt("The record was sent together with others, and the answer says nothing about it."),
        _lt("Look whether it arrived in the external system. If it did, link it; otherwise retry.")),
    "outcome_unknown": (
        _lt("It is not known whether the external system has carried this out: its answer was lost."),
        _lt("Look for the record in the external system. Then press Was Created or Was Not Created.")),
    # -- Webhook events --------------------------------------------------------------------------------------
    "event_empty": (
        _lt("The webhook came without any content."),
        _lt("If the other system sends such notices, nothing has to be done. Otherwise check its webhook settings.")),
    "event_without_topic": (
        _lt("No line of the webhook's topics fits “%(topic)s”."),
        _lt("If these events matter, add a line for this topic on the tab Webhook of the connection, then press Retry.")),
    "event_flow_off": (
        _lt("The flow “%(flow)s” was not running."),
        _lt("Put it into Test or Live, then press Retry.")),
    "event_nothing_found": (
        _lt("The event has nothing at “%(path)s”, where the topic “%(topic)s” expects it."),
        _lt("Correct the path on the tab Webhook of the connection, then press Retry.")),
    "event_gone": (
        _lt("The external system does not have %(external_id)s (any more)."),
        _lt("Nothing to do: it was probably deleted there meanwhile.")),
    "event_never_known": (
        _lt("%(external_id)s was deleted over there, and was never here."), _lt("Nothing to do.")),
    # -- Related records -------------------------------------------------------------------------------------
    "parent_missing": (
        _lt("%(relation)s %(external_id)s is not here yet; this record waits for it."),
        _lt("Nothing to do: it continues by itself when the flow “%(flow)s” has brought it.")),
    "parent_failed": (
        _lt("It needs “%(external_id)s” of the flow “%(relation)s”, which could not be synchronised: %(reason)s"),
        _lt("Open that record and solve its problem; this one follows by itself.")),
    "parent_left_out": (
        _lt("It needs “%(external_id)s” of the flow “%(flow)s”, which was %(how)s there (%(reason)s)."),
        _lt("Change the filter of that flow, or press Retry on that record; this one follows by itself. Or correct "
            "the reference.")),
    "parent_unlinked": (
        _lt("It needs “%(external_id)s” of the flow “%(flow)s”, which was synchronised once and is not linked any more: "
            "its Odoo record or its link was deleted."),
        _lt("Press Resync on that record to bring it back, this one follows by itself; or correct the reference.")),
    "parent_flow_stopped": (
        _lt("It needs “%(external_id)s”, which only the flow “%(flow)s” can bring, and that flow is %(how)s."),
        _lt("Put that flow into Live again; this record follows by itself. Or correct the reference.")),
    "parent_flow_gone": (
        _lt("It needs “%(external_id)s”, and there is no flow on this connection that could bring it."),
        _lt("Ask the person who looks after this flow to make one, or to correct the field rule; then retry.")),
    "parent_late": (
        _lt("It has waited for “%(external_id)s” for %(hours)s hours, and nothing has brought it."),
        _lt("Check whether that record exists in the other system and is in the filter of its flow; when it comes, this "
            "one follows by itself. Or correct the reference.")),
    "created_not_found": (
        _lt("Somebody said that it was created, but it is not found there by %(keys)s."),
        _lt("Look for it in the other system and press “Was Created” with its identifier, or “Was Not Created” if it is "
            "not there.")),
    "parent_circle": (
        _lt("These records wait for each other, and each of them needs the other one first: %(names)s."),
        _lt("Remove one of the references in the other system and synchronise, then set it again. Or ask the person who "
            "looks after the flow to make one of the fields not required.")),
    "parent_excluded": (
        _lt("its own flow leaves it out (by its filter, or because it came under another identifier)."),
        _lt("Change the filter of that flow, or correct the reference, then retry.")),
    # -- Matching and looking up -----------------------------------------------------------------------------
    "ambiguous_match": (
        _lt("%(count)s records have the same %(keys)s, so it is not clear which one is meant."),
        _lt("Merge or archive the duplicates, or link the right record by hand, then retry.")),
    "several_found": (
        _lt("%(count)s records over there have the same %(keys)s: %(records)s."),
        _lt("Only one of them can be this record. Give the others another %(keys)s over there or delete them, then retry.")),
    "already_linked": (
        _lt("“%(record)s” has the same %(keys)s, but it is already linked to %(external_id)s."),
        _lt("One of the two is a duplicate. Remove it in the external system, or correct the %(keys)s, "
            "then retry.")),
    "lookup_missing": (
        _lt("%(field)s: there is no %(model)s with %(by)s “%(value)s”%(only)s."),
        _lt("Create it or correct the value, then retry.")),
    "lookup_wrong": (
        _lt("%(field)s cannot be looked up: %(model)s has no field “%(value)s”."), ASK_RULE),
    "lookup_ambiguous": (
        _lt("%(field)s: “%(value)s” fits %(count)s records (%(model)s)."),
        _lt("Rename, merge or archive so that only one fits, then retry.")),
    "conflict": (
        _lt("Both sides have changed since they last agreed: %(fields)s."),
        _lt("Compare the values, then press Keep Odoo's or Take the Other's, field by field or for all.")),
    # -- Rules of the flow -----------------------------------------------------------------------------------
    "no_create": (
        _lt("This record does not exist in %(side)s, and the flow may not create it there."),
        _lt("Create and link it by hand, or ask the person who looks after this flow to allow creating.")),
    "no_operation": (
        _lt("The resource “%(resource)s” has no operation for this (%(kind)s)."),
        _lt("Ask an administrator to add the operation to the resource.")),
    "totals_differ": (
        _lt("%(label)s differs: %(odoo)s in Odoo, %(external)s in the external system."),
        _lt("Compare the lines, taxes, discounts and rounding of both documents. Correct the difference, "
            "then retry.")),
    "required_missing": (
        _lt("%(field)s is required, but there is no value at “%(path)s”."),
        _lt("Fill it in where the record comes from, or give the field rule a default value, then retry.")),
    "expression_failed": (_lt("%(field)s: the formula of the field rule failed: %(reason)s."), ASK_RULE),
    # -- Statuses --------------------------------------------------------------------------------------------
    "unmapped_status": (
        _lt("The status “%(value)s” is not among the status rules of %(flow)s. All other fields were taken over."),
        _lt("Open the flow, tab Statuses, and decide what this status means. All records that wait for it are retried "
            "then.")),
    "status_forbidden": (
        _lt("%(record)s: the status “%(status)s” leads from %(stage)s to %(target)s, and the flow does not allow that "
            "(allowed from: %(allowed)s). All other fields were taken over."),
        _lt("Bring the record to one of these stages in Odoo, or allow the transition on the tab Statuses of the flow, "
            "then retry.")),
    "status_refused": (
        _lt("%(record)s: the status “%(status)s” leads from %(stage)s to %(target)s, and Odoo refuses that: "
            "%(message)s All other fields were taken over."),
        _lt("Correct what Odoo names on the record, or bring it to %(target)s by hand, then retry.")),
    "status_not_reached": (
        _lt("%(record)s: the status “%(status)s” leads from %(stage)s to %(target)s, but the action of its rule ended at "
            "%(reached)s. All other fields were taken over."),
        _lt("Bring the record to %(target)s by hand, or correct the action of the status rule on the flow, then "
            "retry.")),
    # -- Odoo ------------------------------------------------------------------------------------------------
    "odoo_refused": (
        _lt("Odoo refuses to save the %(model)s: %(message)s"),
        _lt("Correct the named value on the record or where it comes from, then retry.")),
    "odoo_access": (
        _lt("The user of the flow (%(user)s) may not do this with: %(model)s."),
        _lt("Ask an administrator to give that user the right, or to choose another user on the flow. "
            "Then retry.")),
    "record_gone": (
        _lt("The record (%(model)s, number %(id)s) was deleted in Odoo."),
        _lt("If that was on purpose, skip it. Otherwise restore or create the record, then press Resync.")),
    "no_example": (
        _lt("The test case “%(case)s” has no example to run."),
        _lt("Paste a record of the other system, or for an export choose an Odoo record.")),
    "no_such_field": (
        _lt("%(model)s has no field “%(field)s”."),
        _lt("Correct the name in the example.")),
    "dry_run_call": (
        _lt("A dry run calls nobody, and this needed a call to %(connection)s."),
        _lt("What the other system would answer is not known here. Try it with a record that is linked already.")),
    "internal": (
        _lt("A fault in the program stopped this record: %(error)s"),
        _lt("Send the Technical tab to your administrator or developer. Retrying helps only after a "
            "correction.")),
}
# fmt: on
