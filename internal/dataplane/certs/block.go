package certs

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// begin is how each PEM block starts (RFC 7468 §2).
const begin = "-----BEGIN "

// The labels of RFC 7468 and RFC 1421 that mean something here.
const (
	labelCertificate = "CERTIFICATE"
	labelPublicKey   = "PUBLIC KEY"
	labelPublicRSA   = "RSA PUBLIC KEY"
	labelEncrypted   = "ENCRYPTED PRIVATE KEY"
	labelOpenSSH     = "OPENSSH PRIVATE KEY"
	labelPrivateKey  = "PRIVATE KEY" // alone, or behind the name of an algorithm
)

// decode returns all PEM blocks of a text. Text around them is skipped, as RFC 7468 §5.2 wants; a block that begins and is
// not whole is refused, for it is part of a file that somebody is still writing, or has mangled.
func decode(data []byte) ([]*pem.Block, error) {
	if len(data) > BytesMax {
		return nil, fmt.Errorf("%d bytes, at most %d are read: a text as long as that is something else", len(data), BytesMax)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // some editors put a byte order mark first, which hides the first block
	begun := bytes.Count(data, []byte(begin))
	if begun == 0 {
		return nil, notPEM(data)
	}
	blocks := make([]*pem.Block, 0, begun)
	for rest := data; ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		blocks = append(blocks, b)
	}
	if len(blocks) != begun {
		return nil, fmt.Errorf("%d of %d PEM blocks are damaged: cut off, indented, or without a line break before -----BEGIN",
			begun-len(blocks), begun)
	}
	return blocks, nil
}

// notPEM says what a text without a PEM block may be.
func notPEM(data []byte) error {
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return errors.New("empty: want PEM")
	case data[0] == 0x30: // the tag of an ASN.1 SEQUENCE, and the digit 0
		return errors.New("no -----BEGIN line in it: want PEM; if it is DER or PKCS #12, convert it with openssl x509, pkey or pkcs12")
	}
	return errors.New("no -----BEGIN line in it: want PEM")
}

// isPrivate reports whether a block holds a private key of whatever kind.
func isPrivate(b *pem.Block) bool { return strings.HasSuffix(" "+b.Type, " "+labelPrivateKey) }
