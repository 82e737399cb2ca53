"""Labels: a small but complete PDF, and ZPL for label printers."""


def lines_of(shipment):
    to = shipment["to_address"]
    place = f"{to['zip'] or ''} {to['city'] or ''} {to['country'] or ''}".strip()
    title = f"{shipment['selected_rate']['service']}{' RETURN' if shipment['is_return'] else ''}"
    return [title, to["name"] or to["company"] or "", to["street1"] or "", place, shipment["tracking_code"],
            shipment["options"].get("print_custom_1") or ""]  # fmt: skip


def zpl(shipment):
    """ZPL II, UTF-8 (``^CI28``); what would be a command within a text is blanked."""
    fields = [
        f"^FO40,{40 + 60 * number}^A0N,40,40^FD{text.replace('^', ' ').replace('~', ' ')}^FS"
        for number, text in enumerate(lines_of(shipment))
    ]
    code = f"^FO40,440^BCN,120,Y,N,N^FD{shipment['tracking_code']}^FS"
    return "\n".join(["^XA", "^CI28", *fields, code, "^XZ", ""]).encode()


def pdf(shipment):
    """One page of 4 by 6 inches with the lines of the label, and a cross-reference table that fits."""
    texts = []
    for text in lines_of(shipment):
        safe = text.encode("cp1252", "replace").replace(b"\\", rb"\\").replace(b"(", rb"\(").replace(b")", rb"\)")
        texts.append(b"(%s) Tj T*" % safe)
    content = b"BT /F1 14 Tf 20 400 Td 20 TL\n" + b"\n".join(texts) + b"\nET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 288 432] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return out + b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1, table, len(objects) + 1, len(out))  # fmt: skip
