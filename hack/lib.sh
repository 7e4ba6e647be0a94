# shellcheck shell=bash
# What every script in hack/ shares; sourced, never run.

cd "${BASH_SOURCE[0]%/*}/.." || exit

# Ends the script with a reason. Usage: fail TEXT
fail() {
    printf '%s: %s\n' "hack/$(basename "$0")" "$1" >&2
    exit 1
}

# Prints the comment at the head of the running script and ends it, when the first argument asks for help.
# Usage: help_if_asked "$@"
help_if_asked() {
    case "${1-}" in
    -h | --help)
        sed -n -e '1d' -e '/^#/!q' -e 's/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    esac
}

# For scripts that take nothing but --help. Usage: takes_no_arguments "$@"
takes_no_arguments() {
    help_if_asked "$@"
    [ $# -eq 0 ] || fail "takes no arguments, got: $1 (see --help)"
}

# Usage: needs COMMAND WHERE-IT-COMES-FROM
needs() {
    command -v "$1" >/dev/null || fail "$1 is needed and was not found: $2"
}

needs_swift() {
    needs swift "install Swift 6.3 (https://www.swift.org/install/linux/) and put it on PATH"
}

# Files of the project that match the git path patterns, one a line, those not yet added included.
# Usage: project_files PATTERN...
project_files() {
    git ls-files --cached --others --exclude-standard --deduplicate -- "$@" | while IFS= read -r file; do
        if [ -f "$file" ]; then printf '%s\n' "$file"; fi
    done
}

# Collects what a verify found: complain LOCATION TEXT for each violation, then verdict COMMAND-THAT-MENDS-IT.
violations=0

complain() {
    printf '%s: %s\n' "$1" "$2" >&2
    violations=$((violations + 1))
}

verdict() {
    [ "$violations" -eq 0 ] || fail "$violations violation(s); to mend: $1"
}

# Every text file that people write. What generators wrote (Sources/CCSIProto) is theirs.
text_files() {
    project_files . ':!Sources/CCSIProto/*.[ch]' | while IFS= read -r file; do
        if grep --quiet --binary-files=without-match '' "$file"; then printf '%s\n' "$file"; fi
    done
}

# Of these, the code: Swift, C, proto, Python and the shell scripts.
code_files() {
    project_files '*.swift' '*.c' '*.cpp' '*.h' '*.proto' '*.py' ':!Sources/CCSIProto/*.[ch]'
    shell_files
}

shell_files() {
    project_files '*.sh' hack .ci | sort --unique | while IFS= read -r file; do
        if [[ $file == *.sh ]] || head -n 1 "$file" | grep -qE '^#!.*\b(ba)?sh\b'; then printf '%s\n' "$file"; fi
    done
}

# How often each room uses what the compiler cannot check: ROOM WHAT COUNT, sorted; comments do not count.
unsafe_counts() {
    echo "# room, construct, uses; written by hack/update-unsafe"
    project_files 'Sources/*.swift' | while IFS= read -r file; do
        local room=${file#Sources/}
        sed -E 's/(^|[[:space:]])\/\/.*$//' "$file" |
            grep -oE '\bunsafe([[:space:](]|$)|@(un)?safe\b|@unchecked\s+Sendable|nonisolated\(unsafe\)' |
            sed -E -e 's/^unsafe.*/unsafe/' -e 's/\s+/-/' -e "s/^/${room%%/*} /" || true
    done | LC_ALL=C sort | uniq -c | while read -r count room what; do
        echo "$room $what $count"
    done
}

# Everything foreign that is built with: Swift packages (transitive ones too) at the version that was resolved, and the
# shared libraries that targets link.
dependencies_found() {
    local library target package
    echo "# swift NAME VERSION URL, and library NAME DEBIAN-PACKAGE TARGET; written by hack/update-dependencies"
    swift package show-dependencies --format json |
        jq --raw-output '[.. | .dependencies? // [] | .[] | "swift \(.identity) \(.version) \(.url)"] | unique[]'
    swift package dump-package | jq --raw-output '.targets[]
        | .name as $target | .settings[].kind.linkedLibrary | select(.) | "\(._0) \($target)"' |
        while read -r library target; do
            package=$(dpkg-query --search "*/lib$library.so" 2>/dev/null | cut --delimiter=: --fields=1)
            echo "library $library ${package:-none} $target"
        done
}
