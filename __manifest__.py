{
    "name": "Integrations",
    "summary": "Plan, run and repair integrations as business workflows: flows, field ownership, sync log and retry",
    "version": "19.0.1.0.0",
    "category": "Productivity",
    "author": "Integration Flow contributors",
    "license": "LGPL-3",
    "depends": ["mail"],
    "external_dependencies": {
        "python": ["jmespath", "jsonschema", "lxml", "requests", "requests_oauthlib", "cronsim"],
    },
    "data": [
        "security/integration_security.xml",
        "security/ir.model.access.csv",
        "security/integration_rules.xml",
    ],
    "application": True,
}
