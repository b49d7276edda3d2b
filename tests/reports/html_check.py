#!/usr/bin/env python3
"""Well-formed, self-contained, accessible enough: html_check.py FILE. Exits 1 naming what is wrong."""
import re
import sys
from html.parser import HTMLParser

VOID = {"meta", "br", "rect", "path", "circle", "line"}


class Check(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.targets, self.faults = [], set(), set(), []

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        if len(a) != len(attrs):
            self.faults.append(f"{self.getpos()}: attribute twice in <{tag}>")
        if "id" in a:
            if a["id"] in self.ids:
                self.faults.append(f"id {a['id']} twice")
            self.ids.add(a["id"])
        for k in ("src", "href", "xlink:href"):
            if k in a and not a[k].startswith("#"):
                self.faults.append(f"<{tag} {k}={a[k]}> leaves the file")
            elif k in a:
                self.targets.add(a[k][1:])
        if any(k.startswith("on") for k in a):
            self.faults.append(f"{self.getpos()}: event handler in <{tag}>")
        if tag == "svg" and "aria-hidden" not in a and "aria-label" not in a:
            self.faults.append(f"{self.getpos()}: svg says nothing to a screen reader")
        if tag == "th" and "scope" not in a:
            self.faults.append(f"{self.getpos()}: th without scope")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.open or self.open[-1] != tag:
            self.faults.append(f"{self.getpos()}: </{tag}> closes <{self.open[-1] if self.open else 'nothing'}>")
        else:
            self.open.pop()


check = Check()
raw = open(sys.argv[1], "rb").read()
text = raw.decode("utf-8")  # invalid bytes raise
check.feed(text)
check.close()
if check.open:
    check.faults.append(f"never closed: {check.open}")
check.faults += [f"no target #{t}" for t in check.targets - check.ids]
for needed in ("prefers-color-scheme:dark", "@media print", "<title>", 'lang="en"', "viewport"):
    if needed not in text:
        check.faults.append(f"lacks {needed}")
if re.search(r"[\">: ,](-?nan|-?inf)\b", text):
    check.faults.append("a NaN was printed")
print("\n".join(check.faults[:20]))
sys.exit(bool(check.faults))
