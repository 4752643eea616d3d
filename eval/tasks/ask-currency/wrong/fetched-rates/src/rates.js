/** Today's rate of a currency. */
export async function rateOf(currency) {
  const answer = await fetch('https://rates.example.com/latest?base=EUR');
  return (await answer.json()).rates[currency];
}
