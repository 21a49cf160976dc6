#!/bin/sh
# Translate ten strings of the test set, which no training has seen, and print them beside their references.
# Usage: ten.sh FOLDER, where FOLDER holds test.en.gz and test.de.gz, in a folder with a trained run.
set -eu
folder=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gzip -dc "$folder/test.en.gz" >"$work/en"
gzip -dc "$folder/test.de.gz" >"$work/de"
# The first ten of ordinary length: three to nine words.
paste "$work/en" "$work/de" | awk -F '\t' '{n = split($1, words, " ")} n >= 3 && n <= 9' | head -n 10 >"$work/ten"
cut -f 1 "$work/ten" >"$work/source"
cut -f 2 "$work/ten" >"$work/reference"
mtkit translate --quiet <"$work/source" >"$work/mtkit"
echo
paste "$work/source" "$work/mtkit" "$work/reference" |
	awk -F '\t' '{printf "source     %s\nmtkit      %s\nreference  %s\n\n", $1, $2, $3}'
