"""A carrier beside the shop, under ``/v2``: addresses, rates, labels, tracking, refunds."""
