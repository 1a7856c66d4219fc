package instance

// These scripts run in instances. They need a shell alone where nothing else is said.
const (
	// look prints a line with the programs that the image has, and one for each path. stat is only for the mode and the time.
	look = `has=
for c in cat mkdir mv rm tar; do command -v $c >/dev/null 2>&1 && has="$has $c"; done
echo "$has"
for p; do
  if [ -d "$p" ]; then echo folder
  elif [ -f "$p" ]; then echo "file $(stat -L -c '%a %Y' "$p" 2>/dev/null)"
  elif [ -e "$p" ]; then echo other
  else echo none
  fi
done`

	// sendFile needs cat, and sendFolder tar.
	sendFile   = `exec cat <"$1"`
	sendFolder = `exec tar -cf - -C "$1" .`

	// receiveFile needs cat. chmod and touch keep the mode and the time if the image has them.
	receiveFile = `cat >"$1" || exit
{ chmod "$2" "$1"; touch -d "@$3" "$1"; } 2>/dev/null
exit 0`

	// receiveFolder needs mkdir and tar, which may end before the archive. BusyBox leaves out links that could lead out unless the
	// variable is set.
	receiveFolder = `export EXTRACT_UNSAFE_SYMLINKS=1
mkdir "$1" && tar -xpof - -C "$1" || exit
exec cat >/dev/null`

	// compare prints how it compares, and then a line for each file.
	compare = `cd "$1" || exit
if command -v sha256sum >/dev/null 2>&1; then
  echo sha256
  LC_ALL=C sha256sum -c
elif command -v wc >/dev/null 2>&1; then
  echo length
  while IFS= read -r line; do wc -c <"${line#*  }" || exit; done
else echo none
fi`

	// put needs mv, and putInto mv and rm. A folder that is not there yet is moved with all that is in it.
	put     = `exec mv -f "$1" "$2"`
	putInto = `while IFS= read -r f; do
  from=$1/$f to=$2/$f
  if [ -d "$from" ] && [ ! -L "$from" ]; then
    if [ -d "$to" ]; then continue; fi
    if [ -e "$to" ]; then echo "$to is not a folder" >&2; exit 1; fi
  elif [ ! -e "$from" ] && [ ! -L "$from" ]; then continue
  elif [ -d "$to" ]; then echo "$to is a folder" >&2; exit 1
  fi
  mv -f "$from" "$to" || exit
done
rm -rf "$1"`

	// discard needs rm.
	discard = `[ -e "$1" ] || exit 0
chmod -R u+rwX "$1" 2>/dev/null
exec rm -rf "$1"`
)
