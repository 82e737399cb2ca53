"""The texts of errors that core and transport raise: code → (what happened, what to do next). See ``texts.py``."""

from odoo.tools.translate import LazyTranslate

from .hints import ASK_PROVIDER, ASK_RULE, BY_ITSELF, CONNECTION, CORRECT

_lt = LazyTranslate(__name__)

# One entry reads as two lines, message and hint.
# fmt: off
MESSAGES = {
    # -- Core: paths and templates ---------------------------------------------------------------------------
    "bad_path": (_lt("The path “%(path)s” of a field rule cannot be read: %(reason)s."), ASK_RULE),
    "path_failed": (
        _lt("The path “%(path)s” of a field rule does not fit this record: %(reason)s."), ASK_RULE),
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
        ASK_PROVIDER),
    "too_deep": (
        _lt("The data that came is nested more than %(limit)s levels deep and was refused."), ASK_PROVIDER),
    "not_json_value": (
        _lt("The value “%(value)s” (%(type)s) cannot be sent."),
        _lt("Choose another field or a transform in the field rule, then retry.")),
    "malformed_xml": (
        _lt("The XML that came cannot be read (line %(line)s): %(reason)s."), ASK_PROVIDER),
    "xml_doctype": (
        _lt("The XML that came declares a document type, which can hide foreign content. It was refused."),
        ASK_PROVIDER),
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
        _lt("The document does not fit the XML Schema (line %(line)s): %(reason)s."), CORRECT),
    "malformed_csv": (
        _lt("The table that came cannot be read (line %(line)s): %(reason)s."), ASK_PROVIDER),
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
        _lt("The record does not fit the schema of the resource, at “%(path)s”: %(reason)s."), CORRECT),
    "bad_file": (
        _lt("The file “%(name)s” cannot be sent: %(reason)s."),
        _lt("Check the field rules of the file: a name, a type and a content are needed. Then retry.")),
    "unsupported_content": (
        _lt("The content of a webhook cannot be read (%(content_type)s)."),
        _lt("Choose another format for webhooks in the other system. If it offers none, ask your developer.")),
    # -- Core: values of fields ------------------------------------------------------------------------------
    "unknown_transform": (
        _lt("A field rule uses the transform “%(kind)s”, which does not exist. Known: %(known)s."),
        ASK_RULE),
    "bad_option": (
        _lt("The option “%(option)s” of a field rule has the value “%(value)s”; expected: %(expected)s."),
        ASK_RULE),
    "wrong_type": (_lt("%(field)s: “%(value)s” does not fit; expected: %(expected)s."), CORRECT),
    "out_of_range": (
        _lt("%(field)s: %(value)s is too large or too small (allowed: %(minimum)s to "
            "%(maximum)s)."), CORRECT),
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
        _lt("A field rule has the owner “%(owner)s”, which does not exist. Known: %(known)s."), ASK_RULE),
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
    "timeout_remote": (_lt("The external system took too long and gave up (%(status)s)."), BY_ITSELF),
    "locked_remote": (_lt("The record is locked in the external system: %(message)s."), BY_ITSELF),
    "rate_limited": (
        _lt("The external system asks us to slow down (wait: %(seconds)s seconds)."),
        _lt("Nothing to do: it continues by itself. If this happens every day, run the flow less often.")),
    "rejected": (
        _lt("The external system refuses the data (%(status)s): %(message)s."),
        _lt("Correct the named value on the record, then retry.")),
    "unexpected_redirect": (
        _lt("The external system points to another address (%(status)s) instead of answering."), CONNECTION),
    "server_error": (
        _lt("The external system has a problem of its own (%(status)s: %(message)s)."), BY_ITSELF),
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
    "not_expected": (
        _lt("The other system does not wait for %(quantity)s more of “%(name)s”."),
        _lt("Compare with the order over there: it may have been sent, cancelled or refunded there already. Correct it "
            "there and retry, or skip this record.")),
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
        _lt("The setting “%(setting)s” of the connection cannot work: %(reason)s."), CONNECTION),
    "credentials_missing": (
        _lt("The connection has no credentials yet (authentication: %(auth_type)s)."), CONNECTION),
    "unknown_host": (
        _lt("The address of the external system (%(host)s) does not exist or cannot be looked up."),
        _lt("It is tried again by itself. If it stays, ask an administrator to check the address of the "
            "connection.")),
    "cannot_connect": (_lt("The external system (%(host)s) cannot be reached: %(reason)s."), BY_ITSELF),
    "tls_failed": (
        _lt("The secure connection to %(host)s failed: %(reason)s."),
        _lt("Usually a certificate has expired there. Ask an administrator to check it with Test "
            "Connection.")),
    "no_answer": (_lt("The external system did not answer within %(seconds)s seconds."), BY_ITSELF),
    "answer_too_slow": (
        _lt("The external system did not finish its answer within %(seconds)s seconds."), BY_ITSELF),
    "answer_cut": (_lt("The connection to %(host)s broke off in the middle of the answer."), BY_ITSELF),
    "answer_malformed": (
        _lt("%(host)s answered something that is no proper web answer (%(reason)s)."), ASK_PROVIDER),
    "not_sent": (
        _lt("This was not sent yet, because the call just before it could not be made."),
        _lt("Nothing to do here: it is sent as soon as the cause is gone.")),
    # -- Transport: signing in -------------------------------------------------------------------------------
    "token_refused": (
        _lt("%(host)s does not give us an access token (%(reason)s): %(message)s."), CONNECTION),
    "token_invalid": (
        _lt("%(host)s gave an access token that cannot be used (problem: %(reason)s)."), CONNECTION),
    "token_unavailable": (
        _lt("%(host)s cannot give an access token at the moment (%(reason)s)."), BY_ITSELF),
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
        _lt("The external system sent us on more than %(limit)s times without an answer."), CONNECTION),
    "redirect_of_write": (
        _lt("The external system sends a change (%(method)s) on to %(url)s. Changes are never sent "
            "on."), CONNECTION),
    # -- Transport: reading answers --------------------------------------------------------------------------
    "unknown_format": (
        _lt("The format “%(format)s” does not exist. Known: %(known)s."),
        _lt("Ask an administrator to choose a format on the operation.")),
    "unknown_encoding": (
        _lt("The answer is packed in a way that we cannot open (%(encoding)s)."), ASK_PROVIDER),
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
# fmt: on
