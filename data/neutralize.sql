-- A copied database never calls production: no secret, no address, nothing due.
UPDATE integration_connection
   SET paused = true,
       pause_cause = 'person',
       pause_reason = 'Neutralised copy of a database',
       auth_secret = NULL,
       extra_headers = NULL,
       token_url = NULL,
       base_url = 'https://neutralised.invalid',
       last_error = NULL,
       test_result = NULL;
UPDATE integration_connection_state SET oauth_token = NULL, leases = NULL, resume_at = NULL;
