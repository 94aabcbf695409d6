#!/bin/sh
# Fetches the pinned front-end files from npm and rebuilds the icon sprite from icons.txt (run it where Node is installed).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund htmx.org@2.0.10 lucide-static@1.62.0 \
  @fontsource-variable/inter@5.3.0 @fontsource-variable/jetbrains-mono@5.3.0
cp node_modules/htmx.org/dist/htmx.min.js "$here/"
cp node_modules/@fontsource-variable/inter/files/inter-latin-wght-normal.woff2 "$here/"
cp node_modules/@fontsource-variable/inter/files/inter-latin-ext-wght-normal.woff2 "$here/"
cp node_modules/@fontsource-variable/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2 "$here/"
cp node_modules/htmx.org/LICENSE "$here/LICENSE.htmx.txt"
cp node_modules/lucide-static/LICENSE "$here/LICENSE.lucide.txt"
cp node_modules/@fontsource-variable/inter/LICENSE "$here/LICENSE.inter.txt"
cp node_modules/@fontsource-variable/jetbrains-mono/LICENSE "$here/LICENSE.jetbrains-mono.txt"
{
  printf '<svg xmlns="http://www.w3.org/2000/svg">\n'
  while read -r name; do
    test -n "$name" || continue
    body=$(sed -e '/^<!--/d' -e '/^<svg/,/^>/d' -e '/<\/svg>/d' "node_modules/lucide-static/icons/$name.svg" | tr -d '\n' | sed 's/  */ /g')
    printf '<symbol id="%s" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round">%s</symbol>\n' "$name" "$body"
  done < "$here/icons.txt"
  printf '</svg>\n'
} > "$here/icons.svg"
