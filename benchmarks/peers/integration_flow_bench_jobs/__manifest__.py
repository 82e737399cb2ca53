{
    "name": "Jobs to compare with",
    "summary": "The least work and calls as jobs of OCA queue_job, for ./dev bench queue_job",
    "version": "19.0.1.0.0",
    "category": "Hidden",
    "author": "Integration Flow contributors",
    "license": "LGPL-3",
    "depends": ["queue_job"],
}
