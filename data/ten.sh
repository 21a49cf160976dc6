#!/bin/sh
# Translate the first ten strings of ordinary length of a text, and print them beside their references, and beside what the
# bundle en-de makes of them that comes with mtkit, where it does.
# Usage: ten.sh SOURCE REFERENCE MODEL, two files, plain or .gz, and a bundle or a run.
set -eu
source=$1 reference=$2 model=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gzip -dcf "$source" >"$work/en"
gzip -dcf "$reference" >"$work/de"
# Three to nine words.
paste "$work/en" "$work/de" | awk -F '\t' '{n = split($1, words, " ")} n >= 3 && n <= 9' | head -n 10 >"$work/ten"
cut -f 1 "$work/ten" >"$work/source"
cut -f 2 "$work/ten" >"$work/reference"
mtkit translate --quiet --model "$model" <"$work/source" >"$work/mtkit"
# In an empty folder nothing else has its name.
mkdir "$work/empty"
(cd "$work/empty" && mtkit translate --quiet --model en-de <"$work/source" >"$work/shipped" 2>"$work/none") || : >"$work/shipped"
echo
paste "$work/source" "$work/mtkit" "$work/shipped" "$work/reference" |
	awk -F '\t' '{
		printf "source     %s\nmtkit      %s\n", $1, $2
		if ($3 != "") printf "shipped    %s\n", $3
		printf "reference  %s\n\n", $4
	}'
