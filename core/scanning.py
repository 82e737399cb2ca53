"""May what is missing from a complete list be taken for deleted?"""

from __future__ import annotations

# So many missing records are believed whatever part of all they are: of three records one is a third.
ALWAYS_BELIEVED = 10


def doubt(seen: int, linked: int, missing: int, percent: float) -> str:
    """Why nothing is deleted after reading a whole list: '' (it is believed), 'empty' or 'too_many'.

    An empty list is never believed: it is how a lost permission or a changed filter looks.

    :param seen: records in the list
    :param linked: records that are linked, as far as they could be in the list
    :param missing: those of them that were not there
    :param percent: so many of the linked ones may be missing; 100 or more believes every list that is not empty

    >>> doubt(90, 100, 10, 20), doubt(70, 100, 30, 20), doubt(0, 5, 5, 100), doubt(1, 3, 2, 20)
    ('', 'too_many', 'empty', '')
    """
    if missing and not seen:
        return "empty"
    if missing > ALWAYS_BELIEVED and missing * 100 > linked * percent:
        return "too_many"
    return ""
