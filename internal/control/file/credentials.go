package file

import (
	"errors"
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

// credentialsMax bounds a file with an access key. Those of people with dozens of accounts have a few KiB.
const credentialsMax = 64 << 10

// accessKey is a name with its secret. Nothing that is printed shows the secret.
type accessKey struct{ id, secret string }

// accessKey reads the access key in the file that a key names; the zero one, after recording the fault, if there is none. What is
// in the file is never repeated.
func (s *section) accessKey(key string) accessKey {
	path := s.file(key)
	if path == "" {
		return accessKey{}
	}
	text, err := readSmall(path, credentialsMax)
	if err != nil {
		s.fault(key, "%s", fileProblem(err))
		return accessKey{}
	}
	k, problem := parseCredentials(text)
	if problem != "" {
		s.fault(key, "cannot be used: %s", problem)
	}
	return k
}

// readSmall reads a regular file. To open a pipe may take for ever.
func readSmall(path string, bytesMax int64) (string, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", errors.New("not a regular file")
	case info.Size() > bytesMax:
		return "", errors.New("too large")
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, bytesMax))
	return string(data), err
}

// parseCredentials reads the access key of the profile default from a credentials file of AWS's tools. It says what is
// wrong, in words of its own, or nothing.
func parseCredentials(text string) (k accessKey, problem string) {
	const profile = "[default]"
	if !utf8.ValidString(text) {
		return k, "it is not text"
	}
	inside, seen := false, false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			inside = line == profile
			seen = seen || inside
			continue
		}
		name, value, _ := strings.Cut(line, "=")
		if value = strings.TrimSpace(value); !inside {
			continue
		}
		switch strings.TrimSpace(name) {
		case "aws_access_key_id":
			k.id = value
		case "aws_secret_access_key":
			k.secret = value
		}
	}
	switch {
	case !seen:
		problem = "it has no section " + profile
	case k.id == "" || strings.ContainsFunc(k.id, isNotID):
		problem = "section " + profile + " has no aws_access_key_id, or one that is none"
	case k.secret == "":
		problem = "section " + profile + " has no aws_secret_access_key"
	default:
		return k, ""
	}
	return accessKey{}, problem
}

// isNotID finds what would end the name of a key where it is signed with.
func isNotID(c rune) bool { return c <= ' ' || c > '~' || c == '/' || c == ',' }
