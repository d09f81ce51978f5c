// The hello server of net/http. Says `port N` and serves until it is ended; load.py does the measuring.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("port %d\n", listener.Addr().(*net.TCPAddr).Port)
	mux := http.NewServeMux()
	hello := []byte("hello, world\n")
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Write(hello)
	})
	fmt.Fprintln(os.Stderr, http.Serve(listener, mux))
	os.Exit(1)
}
