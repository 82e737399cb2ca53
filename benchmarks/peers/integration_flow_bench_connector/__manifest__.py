{
    "name": "A connector to compare with",
    "summary": "Contacts of the sandbox shop by OCA connector, for ./dev bench connector",
    "version": "19.0.1.0.0",
    "category": "Hidden",
    "author": "Integration Flow contributors",
    "license": "LGPL-3",
    "depends": ["connector", "contacts"],
    "data": ["security/ir.model.access.csv"],
}
