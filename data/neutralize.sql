-- A copied database never calls production: no secret, no address, nothing due.
UPDATE integration_connection
   SET paused = true,
       pause_cause = 'person',
       pause_reason = 'Neutralised copy of a database',
       auth_secret = NULL,
       oauth_token = NULL,
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
