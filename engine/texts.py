"""The texts of errors: code → (what happened, what to do next), for people. ``messages.py`` fills them in."""

from odoo.tools.translate import LazyTranslate

_lt = LazyTranslate(__name__)

_ASK_RULE = _lt("Ask the person who looks after this flow to correct the field rule, then retry.")
_ASK_PROVIDER = _lt(
    "Retry later. If it stays, ask the provider of the external system (the contact is on the connection)."
)
_BY_ITSELF = _lt(
    "It is tried again by itself. Nothing to do unless it stays for hours; then test the connection."
)
_CONNECTION = _lt("Ask an administrator to correct the connection. What waits for it continues by itself.")
_CORRECT = _lt(
    "Correct the value where it comes from, then retry. If the value is right, the field rule has to change."
)

# One entry reads as two lines, message and hint.
# fmt: off
MESSAGES = {
    # -- Core: paths and templates ---------------------------------------------------------------------------
    "bad_path": (_lt("The path “%(path)s” of a field rule cannot be read: %(reason)s."), _ASK_RULE),
    "path_failed": (
        _lt("The path “%(path)s” of a field rule does not fit this record: %(reason)s."), _ASK_RULE),
    "path_not_assignable": (
        _lt("Nothing can be written at the path “%(path)s”: it only works for reading."),
        _lt("Use plain names, such as shipping.address.city, in rules that send a value. Then retry.")),
    "path_conflict": (
        _lt("The path “%(path)s” cannot be filled: another rule has already put something else at “%(at)s”."),
        _lt("Two field rules write to the same place. Remove or change one of them, then retry.")),
    "bad_template": (
        _lt("The template “%(template)s” cannot be read: there is a problem with %(reason)s."),
        _lt("Each placeholder needs one opening and one closing brace, such as {name}. Correct the "
            "template, then retry.")),
    "missing_variable": (
        _lt("The address “%(template)s” of an operation needs “%(variable)s”, and this record has no "
            "value for it."),
        _lt("Often the record is not linked yet: synchronise it first. Otherwise correct the operation of "
            "the resource.")),
    "unsafe_path_value": (
        _lt("“%(value)s” cannot be used as %(variable)s in an address."),
        _lt("Check the identifier of the record in the external system and correct it, then retry.")),
    # -- Core: documents -------------------------------------------------------------------------------------
    "empty_body": (
        _lt("The answer is empty, although data was expected."),
        _lt("Retry. If it stays, the record may have been deleted in the external system.")),
    "body_too_large": (
        _lt("The answer is too large: %(size)s bytes, and %(limit)s are allowed."),
        _lt("Ask an administrator to use smaller pages for the resource or to raise the limit of the "
            "connection.")),
    "malformed_json": (
        _lt("The data that came cannot be read (line %(line)s, column %(column)s, near “%(near)s”)."),
        _ASK_PROVIDER),
    "too_deep": (
        _lt("The data that came is nested more than %(limit)s levels deep and was refused."), _ASK_PROVIDER),
    "not_json_value": (
        _lt("The value “%(value)s” (%(type)s) cannot be sent."),
        _lt("Choose another field or a transform in the field rule, then retry.")),
    "malformed_xml": (
        _lt("The XML that came cannot be read (line %(line)s): %(reason)s."), _ASK_PROVIDER),
    "xml_doctype": (
        _lt("The XML that came declares a document type, which can hide foreign content. It was refused."),
        _ASK_PROVIDER),
    "xml_no_root": (
        _lt("An XML document needs one outermost element, and the format options name none."),
        _lt("Enter it as “root” in the format options of the resource, or put the record below one name by the body "
            "path of the operation. Then retry.")),
    "bad_xml_name": (
        _lt("“%(name)s” cannot be the name of an XML element."),
        _lt("Correct the external path of the field rule, then retry.")),
    "unknown_xml_prefix": (
        _lt("The prefix “%(prefix)s” of an XML element has no namespace."),
        _lt("Add it to “namespaces” in the format options of the resource, then retry.")),
    "bad_xml_schema": (
        _lt("The XML Schema of the resource cannot be used: %(reason)s."),
        _lt("It has to be complete in itself: other files are not loaded. Correct it on the resource, then retry.")),
    "xml_schema": (
        _lt("The document does not fit the XML Schema (line %(line)s): %(reason)s."), _CORRECT),
    "malformed_csv": (
        _lt("The table that came cannot be read (line %(line)s): %(reason)s."), _ASK_PROVIDER),
    "wrong_encoding": (
        _lt("The text is not in the encoding %(encoding)s."),
        _lt("Enter the encoding of the other system in the format options of the resource, then retry.")),
    "bad_table_option": (
        _lt("The format option “%(option)s” of the resource cannot be “%(value)s”."),
        _lt("Correct the format options of the resource, then retry.")),
    "not_flat": (
        _lt("A table holds one value a cell, and “%(column)s” is a %(type)s."),
        _lt("Send single values with plain names, or choose another format on the resource. Then retry.")),
    "bad_schema": (
        _lt("The schema of the resource cannot be used: %(reason)s."),
        _lt("Correct it on the resource, then retry.")),
    "schema_mismatch": (
        _lt("The record does not fit the schema of the resource, at “%(path)s”: %(reason)s."), _CORRECT),
    "bad_file": (
        _lt("The file “%(name)s” cannot be sent: %(reason)s."),
        _lt("Check the field rules of the file: a name, a type and a content are needed. Then retry.")),
    "unsupported_content": (
        _lt("The content of a webhook cannot be read (%(content_type)s)."),
        _lt("Choose another format for webhooks in the other system. If it offers none, ask your developer.")),
    # -- Core: values of fields ------------------------------------------------------------------------------
    "unknown_transform": (
        _lt("A field rule uses the transform “%(kind)s”, which does not exist. Known: %(known)s."),
        _ASK_RULE),
    "bad_option": (
        _lt("The option “%(option)s” of a field rule has the value “%(value)s”; expected: %(expected)s."),
        _ASK_RULE),
    "wrong_type": (_lt("%(field)s: “%(value)s” does not fit; expected: %(expected)s."), _CORRECT),
    "out_of_range": (
        _lt("%(field)s: %(value)s is too large or too small (allowed: %(minimum)s to "
            "%(maximum)s)."), _CORRECT),
    "wrong_choice": (
        _lt("%(field)s: “%(value)s” is not one of the choices (%(allowed)s)."),
        _lt("Add a value map to the field rule that translates this value, then retry.")),
    "unmapped_value": (
        _lt("The value “%(value)s” is not in the value map “%(map)s”."),
        _lt("Open the value map and choose what this value means. All records that wait for it are retried then.")),
    "unknown_timezone": (
        _lt("The time zone “%(timezone)s” does not exist."),
        _lt("Choose a time zone such as Europe/Brussels on the flow or the field rule, then retry.")),
    # -- Core: ownership, timing -----------------------------------------------------------------------------
    "unknown_owner": (
        _lt("A field rule has the owner “%(owner)s”, which does not exist. Known: %(known)s."), _ASK_RULE),
    "bad_schedule": (
        _lt("The schedule “%(schedule)s” does not work: %(reason)s."),
        _lt("Correct the timing on the flow: an interval, or five fields such as 0 6 * * 1-5.")),
    # -- Core: answers of the external system ----------------------------------------------------------------
    "credentials_refused": (
        _lt("The external system refuses our credentials (%(status)s: %(message)s)."),
        _lt("Ask an administrator to renew the credentials of the connection. All waiting records "
            "continue by themselves.")),
    "access_refused": (
        _lt("The external system does not allow this (%(status)s): %(message)s."),
        _lt("Ask its administrator to give the user of the connection this right, then retry.")),
    "not_found": (
        _lt("The external system does not find the record: %(message)s."),
        _lt("Check whether it was deleted there. If so, remove the link of this record or skip it; "
            "otherwise retry.")),
    "conflict_remote": (
        _lt("The external system refuses the change because of the record's state there: %(message)s."),
        _lt("Look at the record in the external system. Press Resync to start from its present values.")),
    "timeout_remote": (_lt("The external system took too long and gave up (%(status)s)."), _BY_ITSELF),
    "locked_remote": (_lt("The record is locked in the external system: %(message)s."), _BY_ITSELF),
    "rate_limited": (
        _lt("The external system asks us to slow down (wait: %(seconds)s seconds)."),
        _lt("Nothing to do: it continues by itself. If this happens every day, run the flow less often.")),
    "rejected": (
        _lt("The external system refuses the data (%(status)s): %(message)s."),
        _lt("Correct the named value on the record, then retry.")),
    "unexpected_redirect": (
        _lt("The external system points to another address (%(status)s) instead of answering."), _CONNECTION),
    "server_error": (
        _lt("The external system has a problem of its own (%(status)s: %(message)s)."), _BY_ITSELF),
    # -- Core: paging ----------------------------------------------------------------------------------------
    "unknown_paging": (
        _lt("The resource uses the paging style “%(style)s”, which does not exist. Known: %(known)s."),
        _lt("Ask an administrator to choose a paging style on the resource.")),
    "paging_loop": (
        _lt("The external system sends the same page again and again (%(style)s, “%(token)s”), so reading "
            "was stopped."),
        _lt("Ask an administrator to check the paging of the resource: name of the parameter, path of the "
            "next page.")),
    "paging_too_long": (
        _lt("The list did not end after %(limit)s pages, so reading was stopped."),
        _lt("Ask an administrator to filter the list, by the list query of the flow.")),
    "keyset_missing": (
        _lt("The last record of a page has no value at “%(path)s”, so the next page cannot be asked for."),
        _lt("Ask an administrator to correct the key path in the paging of the resource.")),
    "page_info_missing": (
        _lt("A page came without saying whether there are more (expected at “%(path)s”), so reading was stopped."),
        _lt("Ask an administrator to ask for pageInfo with hasNextPage and endCursor in the query of the operation, and to "
            "check the records path.")),
    # -- Core: GraphQL ---------------------------------------------------------------------------------------
    "bad_graphql": (
        _lt("The GraphQL document cannot be used: %(reason)s."),
        _lt("Ask an administrator to correct the document of the operation.")),
    "no_graphql": (
        _lt("What came is no answer of a GraphQL system (%(found)s instead of data or errors)."),
        _lt("Ask an administrator to check the address of the connection and the path of the operation.")),
    "partial_answer": (
        _lt("The answer is not complete, so nothing of it was taken: %(message)s."),
        _lt("It is read again by the next run. If it stays, ask the provider about the named place, or leave that field out "
            "of the query.")),
    # -- Transport: connecting -------------------------------------------------------------------------------
    "bad_configuration": (
        _lt("The setting “%(setting)s” of the connection cannot work: %(reason)s."), _CONNECTION),
    "credentials_missing": (
        _lt("The connection has no credentials yet (authentication: %(auth_type)s)."), _CONNECTION),
    "unknown_host": (
        _lt("The address of the external system (%(host)s) does not exist or cannot be looked up."),
        _lt("It is tried again by itself. If it stays, ask an administrator to check the address of the "
            "connection.")),
    "cannot_connect": (_lt("The external system (%(host)s) cannot be reached: %(reason)s."), _BY_ITSELF),
    "tls_failed": (
        _lt("The secure connection to %(host)s failed: %(reason)s."),
        _lt("Usually a certificate has expired there. Ask an administrator to check it with Test "
            "Connection.")),
    "no_answer": (_lt("The external system did not answer within %(seconds)s seconds."), _BY_ITSELF),
    "answer_too_slow": (
        _lt("The external system did not finish its answer within %(seconds)s seconds."), _BY_ITSELF),
    "answer_cut": (_lt("The connection to %(host)s broke off in the middle of the answer."), _BY_ITSELF),
    "answer_malformed": (
        _lt("%(host)s answered something that is no proper web answer (%(reason)s)."), _ASK_PROVIDER),
    "not_sent": (
        _lt("This was not sent yet, because the call just before it could not be made."),
        _lt("Nothing to do here: it is sent as soon as the cause is gone.")),
    # -- Transport: signing in -------------------------------------------------------------------------------
    "token_refused": (
        _lt("%(host)s does not give us an access token (%(reason)s): %(message)s."), _CONNECTION),
    "token_invalid": (
        _lt("%(host)s gave an access token that cannot be used (problem: %(reason)s)."), _CONNECTION),
    "token_unavailable": (
        _lt("%(host)s cannot give an access token at the moment (%(reason)s)."), _BY_ITSELF),
    # -- Transport: addresses and requests -------------------------------------------------------------------
    "bad_url": (
        _lt("The address “%(path)s” cannot be used: %(reason)s."),
        _lt("Ask an administrator to correct the path of the operation.")),
    "bad_method": (
        _lt("“%(method)s” is not a way of calling the external system."),
        _lt("Ask an administrator to choose GET, POST, PUT, PATCH or DELETE on the operation.")),
    "bad_header": (
        _lt("The header “%(name)s” cannot be sent: %(reason)s."),
        _lt("Ask an administrator to correct the headers of the connection or the operation.")),
    "address_refused": (
        _lt("The address of the subscriber (%(host)s) may not be called: %(reason)s."),
        _lt("Correct the address. A receiver inside our own network has to be allowed first in the settings of "
            "Integrations, by a technical administrator.")),
    "foreign_origin": (
        _lt("The external system points to an address elsewhere (%(host)s). It was not followed, to keep "
            "our credentials safe."),
        _lt("If that address is trusted, ask an administrator for a connection of its own. Otherwise "
            "inform the provider.")),
    "redirected_elsewhere": (
        _lt("The external system sends us on to another address (%(host)s). It was not followed, to keep "
            "our credentials safe."),
        _lt("If the system has moved, ask an administrator to change the address of the connection.")),
    "too_many_redirects": (
        _lt("The external system sent us on more than %(limit)s times without an answer."), _CONNECTION),
    "redirect_of_write": (
        _lt("The external system sends a change (%(method)s) on to %(url)s. Changes are never sent "
            "on."), _CONNECTION),
    # -- Transport: reading answers --------------------------------------------------------------------------
    "unknown_format": (
        _lt("The format “%(format)s” does not exist. Known: %(known)s."),
        _lt("Ask an administrator to choose a format on the operation.")),
    "unknown_encoding": (
        _lt("The answer is packed in a way that we cannot open (%(encoding)s)."), _ASK_PROVIDER),
    "not_json": (
        _lt("The external system answered a page (%(content_type)s) instead of data. It begins with "
            "“%(start)s”."),
        _lt("Often the system is in maintenance or the address is wrong. Retry later, or check the "
            "connection.")),
    "refused_in_answer": (
        _lt("The external system answered, but refused: %(message)s."),
        _lt("Correct the named value on the record, then retry.")),
    # -- Transport: files ------------------------------------------------------------------------------------
    "library_missing": (
        _lt("Files over SFTP need the Python package “%(library)s”, which is not installed on the Odoo server."),
        _lt("Ask the administrator of the server to install it and to restart Odoo.")),
    "host_key_unknown": (
        _lt("The server %(host)s is not known yet. It shows the key %(key)s."),
        _lt("Compare this key with what the provider says, then press Accept the Key of the Server on the connection.")),
    "host_key_changed": (
        _lt("The server %(host)s shows another key (%(key)s) than the one that was accepted (%(known)s). Nothing was sent "
            "to it."),
        _lt("Ask the provider whether the server was replaced. Only if it was, accept the new key on the connection.")),
    "bad_private_key": (
        _lt("The private key of the connection cannot be used: %(reason)s."),
        _lt("Enter the key without a passphrase, whole, from its first line to its last.")),
    "login_refused": (
        _lt("The server %(host)s does not let the user %(user)s in."),
        _lt("Ask an administrator to check user, password or private key of the connection. All waiting records continue by "
            "themselves.")),
    "file_failed": (
        _lt("The server could not carry this out on the file %(path)s: %(reason)s."),
        _lt("It is tried again by itself. If it stays, ask the provider whether the disk is full or a right is missing.")),
    "file_changing": (
        _lt("The file %(path)s was still being written while it was read."),
        _lt("It is read again by itself when it is complete.")),
    "file_exists": (
        _lt("There is another file called %(path)s already. It was left as it is."),
        _lt("Ask the provider whose file it is. Rename or remove it, or change the name in the operation, then retry.")),
    "unexpected": (
        _lt("The call failed in a way that nobody has foreseen (%(type)s)."),
        _lt("Retry once. If it stays, send the Technical tab to your administrator or developer.")),
}

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
        _lt("What the answer holds at “%(path)s” is no file that can be read."), _ASK_PROVIDER),
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
    "already_linked": (
        _lt("“%(record)s” has the same %(keys)s, but it is already linked to %(external_id)s."),
        _lt("One of the two is a duplicate. Remove it in the external system, or correct the %(keys)s, "
            "then retry.")),
    "lookup_missing": (
        _lt("%(field)s: there is no %(model)s with %(by)s “%(value)s”%(only)s."),
        _lt("Create it or correct the value, then retry.")),
    "lookup_wrong": (
        _lt("%(field)s cannot be looked up: %(model)s has no field “%(value)s”."), _ASK_RULE),
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
    "expression_failed": (_lt("%(field)s: the formula of the field rule failed: %(reason)s."), _ASK_RULE),
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
