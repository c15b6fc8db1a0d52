"""Files of heavy formats, made as small as they can be."""

import io
import zipfile

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def docx(body: str, **parts: str) -> bytes:
    """A Word document of these elements; `parts` are more files in `word/`."""
    namespaces = (
        f'xmlns:w="{W}" xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    )
    files = {"document": f"<w:document {namespaces}><w:body>{body}</w:body></w:document>"}
    for name, content in parts.items():
        files[name] = f"<w:{name} {namespaces}>{content}</w:{name}>"
    return archive({f"word/{name}.xml": content for name, content in files.items()})


def archive(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return buffer.getvalue()


def paragraph(text: str, properties: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"


def pdf(*pages: list[str], title: str = "", outline: tuple[tuple[int, str], ...] = ()) -> bytes:
    """A PDF with lines of text on its pages, and an outline of (page, title)."""
    objects: list[str] = []

    def add(content: str) -> int:
        objects.append(content)
        return len(objects)

    tree = 1 + add("")  # The catalog is object 1, the pages are object 2.
    add("")
    font = add("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    kids = []
    for lines in pages:
        shown = " ".join(f"({line}) Tj 0 -14 Td" for line in lines)
        content = f"BT /F1 12 Tf 50 750 Td {shown} ET"
        stream = add(f"<< /Length {len(content)} >>\nstream\n{content}\nendstream")
        kids.append(
            add(
                f"<< /Type /Page /Parent {tree} 0 R /MediaBox [0 0 600 800] /Contents {stream} 0 R"
                f" /Resources << /Font << /F1 {font} 0 R >> >> >>"
            )
        )
    first = len(objects) + 2
    entries = [
        f"<< /Title ({name}) /Parent {first - 1} 0 R /Dest [{kids[page]} 0 R /Fit]"
        + (f" /Next {first + index + 1} 0 R" if index + 1 < len(outline) else "")
        + " >>"
        for index, (page, name) in enumerate(outline)
    ]
    outlines = add(f"<< /First {first} 0 R /Last {first + len(outline) - 1} 0 R >>")
    for entry in entries:
        add(entry)
    more = f"/Outlines {outlines} 0 R" if outline else ""
    objects[0] = f"<< /Type /Catalog /Pages {tree} 0 R {more} >>"
    references = " ".join(f"{kid} 0 R" for kid in kids)
    objects[1] = f"<< /Type /Pages /Kids [{references}] /Count {len(kids)} >>"
    info = add(f"<< /Title ({title}) >>")
    return _numbered(objects, f"/Root 1 0 R /Info {info} 0 R")


def _numbered(objects: list[str], trailer: str) -> bytes:
    data, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(data))
        data += f"{number} 0 obj\n{content}\nendobj\n".encode("latin-1")
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    end = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} {trailer} >>\n"
    return data + f"{end}startxref\n{len(data)}\n%%EOF\n".encode("latin-1")
