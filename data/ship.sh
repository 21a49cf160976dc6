#!/bin/sh
# Make the bundle NAME that comes with mtkit, en-de or en-ko: train by the recipe shipped-NAME, or go on with it; score all
# three test sets in 8 bits; export to mtkit/bundles/NAME; fit how sure it can be on the three dev texts; translate the ten
# everyday strings with what was exported.
# Usage: ship.sh NAME [OPTION...], options of mtkit train, in the folder that is to hold the run.
set -eu
name=$1
shift
language=${name#*-}
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mtkit train --config "shipped-$name" "$@"
mtkit eval --config "shipped-$name" --set decode.precision=int8
mtkit export "runs/shipped-$name" "$root/mtkit/bundles/$name"
for side in en "$language"; do
	for text in ui help web; do gzip -dc "$root/data/$text.$name/dev.$side.gz"; done >"$work/dev.$side"
done
mtkit eval --fit-confidence -m "$root/mtkit/bundles/$name" --src "$work/dev.en" --ref "$work/dev.$language"
size=$(cat "$root/mtkit/bundles/$name"/* | wc -c)
echo "$root/mtkit/bundles/$name: $size bytes"
mtkit translate --quiet --model "$root/mtkit/bundles/$name" <"$root/data/everyday.en" >"$work/made"
echo
paste "$root/data/everyday.en" "$work/made" "$root/data/everyday.$language" |
	awk -F '\t' '{printf "source     %s\nmtkit      %s\nreference  %s\n\n", $1, $2, $3}'
if [ "$size" -gt 4000000 ]; then
	echo "$name has more than 4 MB: give the recipe fewer pieces or a smaller width" >&2
	exit 1
fi
