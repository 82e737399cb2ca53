{
    "name": "Integrations: Delivery",
    "summary": "Carriers of integrations as delivery methods: rates, labels, tracking, returns",
    "version": "19.0.1.0.0",
    "category": "Inventory/Delivery",
    "author": "Integration Flow contributors",
    "license": "LGPL-3",
    "depends": ["integration_flow", "stock_delivery"],
    "data": [
        "security/ir.model.access.csv",
        "security/delivery_rules.xml",
        "views/delivery_carrier_views.xml",
        "views/stock_picking_views.xml",
        "views/integration_parcel_views.xml",
        "views/label_print_views.xml",
    ],
    "assets": {
        "web.assets_tests": ["integration_flow_delivery/static/tests/tours/**/*"],
    },
    "auto_install": True,
}
