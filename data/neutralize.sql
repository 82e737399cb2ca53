-- A copied database never calls production: no secret, no address, nothing due.
UPDATE integration_connection
   SET paused = true,
       pause_cause = 'person',
       pause_reason = 'Neutralised copy of a database',
       auth_secret = NULL,
       host_key = NULL,
       host_key_offered = NULL,
       extra_headers = NULL,
       token_url = NULL,
       base_url = 'https://neutralised.invalid',
       last_error = NULL,
       test_result = NULL,
       webhook_enabled = false,
       webhook_token = NULL,
       webhook_secret = NULL,
       webhook_secret_previous = NULL,
       webhook_previous_until = NULL;
UPDATE integration_connection_state SET oauth_token = NULL, leases = NULL, resume_at = NULL;
-- It tells nobody outside what happens in it either: no secret, no address, nothing sent.
UPDATE integration_subscriber
   SET state = 'disabled',
       disabled_reason = 'Neutralised copy of a database',
       secret = NULL,
       previous_secret = NULL,
       previous_secret_until = NULL,
       extra_headers = NULL,
       url = 'https://neutralised.invalid',
       last_error = NULL;
-- And its chats hear nothing of it.
UPDATE integration_notice_channel
   SET state = 'stopped',
       stop_reason = 'Neutralised copy of a database',
       url = NULL,
       last_error = NULL;
UPDATE integration_notice_rule SET state = 'off';
-- Nobody reads it from outside either: a copy is no source of data.
UPDATE integration_consumer_token
   SET revoked_at = COALESCE(revoked_at, now() AT TIME ZONE 'UTC');
