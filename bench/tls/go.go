// TLS 1.3 over loopback, both ends in this process, P-256: a connection with a whole handshake, one that resumes; a request of 64
// bytes and its answer; 16 KiB at a time in one direction; what a thousand idle connections hold.
package main

import (
	"bench/gobench"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"time"
)

func makeCertificate() tls.Certificate {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"},
		DNSNames: []string{"localhost"}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	gobench.Check(err == nil, "tls")
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func echo(conn net.Conn) {
	defer conn.Close()
	buffer := make([]byte, 64)
	for {
		if _, err := io.ReadFull(conn, buffer); err != nil {
			return
		}
		if _, err := conn.Write(buffer); err != nil {
			return
		}
	}
}

func roundTrip(conn net.Conn) {
	buffer := make([]byte, 64)
	_, err := conn.Write(buffer)
	gobench.Check(err == nil, "tls")
	_, err = io.ReadFull(conn, buffer)
	gobench.Check(err == nil, "tls")
}

func main() {
	certificate := makeCertificate()
	config := &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(8)}
	serve := func(tickets bool) net.Listener {
		listener, err := tls.Listen("tcp", "127.0.0.1:0",
			&tls.Config{Certificates: []tls.Certificate{certificate}, SessionTicketsDisabled: !tickets})
		gobench.Check(err == nil, "tls")
		return listener
	}
	connect := func(listener net.Listener) *tls.Conn {
		conn, err := tls.Dial("tcp", listener.Addr().String(), config)
		gobench.Check(err == nil, "tls")
		return conn
	}

	for _, resumed := range []bool{false, true} {
		listener := serve(resumed)
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				go echo(conn)
			}
		}()
		ns := gobench.NsPerOp(func(n int) int {
			for i := range n {
				conn := connect(listener)
				roundTrip(conn)
				if i > 0 {
					gobench.Check(conn.ConnectionState().DidResume == resumed, "tls")
				}
				conn.Close()
			}
			return n
		})
		if resumed {
			gobench.Report("tls", "resumed", ns/1e3, "us")
		} else {
			gobench.Report("tls", "handshake", ns/1e3, "us")
			conn := connect(listener)
			ns := gobench.NsPerOp(func(n int) int {
				for range n {
					roundTrip(conn)
				}
				return n
			})
			gobench.Report("tls", "round_trip", ns/1e3, "us")
			var idle []*tls.Conn
			before := gobench.MemoryBytes()
			for range 1000 {
				idle = append(idle, connect(listener))
				roundTrip(idle[len(idle)-1])
			}
			gobench.Report("tls", "idle", (gobench.MemoryBytes()-before)/1000/1024, "KiB")
		}
		listener.Close()
	}

	listener := serve(true)
	go func() {
		conn, _ := listener.Accept()
		buffer := make([]byte, 16*1024)
		for {
			if n, err := conn.Read(buffer); n == 0 || err != nil {
				return
			}
		}
	}()
	conn := connect(listener)
	block := make([]byte, 16*1024)
	ns := gobench.NsPerOp(func(n int) int {
		for range n {
			_, err := conn.Write(block)
			gobench.Check(err == nil, "tls")
		}
		return n
	})
	gobench.Report("tls", "bulk", ns/16, "ns/KiB")
}
