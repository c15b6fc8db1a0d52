#!/bin/sh
# Speak the questions of questions.json and search.json again: needs flite, sox and python3 (Debian has them all).
set -eu
cd "$(dirname "$0")"
spoken=$(mktemp --suffix .wav)
trap 'rm -f "$spoken"' EXIT

python3 -c 'import json
for listed in ("questions.json", "search.json"):
    for q in json.load(open(listed)): print(q["file"], q["words"], sep="\t")' |
while IFS="$(printf '\t')" read -r file words; do
    flite -voice slt -t "$words" -o "$spoken"
    # 24 kHz, 16 bit, mono; 50 ms of silence before the speech and 150 ms after it.
    sox -D "$spoken" -b 16 -c 1 "$file" rate -v 24000 \
        silence 1 1 0.2% reverse silence 1 1 0.2% reverse norm -3 pad 0.05 0.15
done
