"""What the shop offers under ``/wp-json/wc/v3``, one kind of record a file."""
