// User is a user with a real browser, which is Chromium: it opens an address, fills in the form of the issuer as alice with the password
// $PASSWORD, and prints the text of the page to which the issuer sends the browser.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/chromedp/chromedp"
)

func main() {
	log.SetFlags(0)
	text, err := signIn(os.Args[1], os.Getenv("PASSWORD"))
	if err != nil {
		log.Fatal(err)
	}
	_, _ = fmt.Fprintln(os.Stdout, text)
}

func signIn(address, password string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ctx, cancel = chromedp.NewExecAllocator(ctx,
		chromedp.Headless, chromedp.NoFirstRun, chromedp.DisableGPU,
		chromedp.NoSandbox,        // root cannot have one
		chromedp.IgnoreCertErrors, // the CA is one of the test
	)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	err := chromedp.Do(ctx, chromedp.Navigate(address),
		chromedp.SendKeys(chromedp.ID("username"), "alice"), chromedp.SendKeys(chromedp.ID("password"), password))
	if err != nil {
		return "", err
	}
	if _, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.ID("allow"))); err != nil {
		return "", err
	}
	at, err := chromedp.Run(ctx, chromedp.Location())
	if err == nil && !strings.HasPrefix(at, "http://127.0.0.1:") {
		err = fmt.Errorf("the issuer does not send the browser to psc, but to %s", at)
	}
	if err != nil {
		return "", err
	}
	return chromedp.Run(ctx, chromedp.Text(chromedp.CSS("body")))
}
