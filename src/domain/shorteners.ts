/** Hosts that only lead on to others. */
export const SHORTENERS: readonly string[] = `
bit.ly tinyurl.com goo.gl t.co ow.ly is.gd v.gd buff.ly rebrand.ly cutt.ly shorturl.at rb.gy t.ly bl.ink tiny.cc s.id
clck.ru vk.cc u.to goo.su qps.ru lnkd.in db.tt adf.ly shorte.st soo.gd x.co tr.im cli.re surl.li dub.sh short.io urlz.fr
kutt.it trib.al mcaf.ee snip.ly tny.im cut.ly l.ead.me linktr.ee wa.link
`
  .trim()
  .split(/\s+/);
