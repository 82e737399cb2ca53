"""Makes the administrator of a fresh karrio. Read by ``karrio shell``, whose names are all there are."""

import os

from django.contrib.auth import get_user_model

get_user_model().objects.create_superuser(os.environ["TEST_MAIL"], os.environ["TEST_PASSWORD"])
